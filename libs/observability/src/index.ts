export { createHealth, type Health, type HealthCheck, type HealthFinding, type HealthReport } from './health.js';
export { createLogger, type Logger, type LoggerOptions, type LogLevel, withContext } from './logger.js';
export { createMetrics, type MetricOptions, type Metrics } from './metrics.js';
