export { childEnvironment } from './child-environment.js';
export { type ClientConfig, loadClientConfig } from './client-config.js';
export type { Config, ListenAddress, LogLevel, ServiceConfig, TlsConfig } from './config.js';
export { ConfigError, type ConfigIssue } from './config-error.js';
export { type Environment, loadConfig, loadServiceConfig } from './load-config.js';
export type { RegistryConfig } from './registries.js';
export { normalizeRegistryHost } from './registry-host.js';
export type { TrustPolicyConfig } from './trust-policy.js';
export { isLoopback } from './values.js';
