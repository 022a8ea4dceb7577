import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Describes one metric; the name gets the prefix `entrepot_`. */
export interface MetricOptions<L extends string> {
  name: string;
  help: string;
  labels?: readonly L[];
}

/** The metrics of one process. */
export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = never>(options: MetricOptions<L>): Counter<L>;
  /** `collect` is asked whenever the metrics are read. */
  gauge<L extends string = never>(
    options: MetricOptions<L> & { collect?: (gauge: Gauge<L>) => void | Promise<void> },
  ): Gauge<L>;
  histogram<L extends string = never>(options: MetricOptions<L> & { buckets?: number[] }): Histogram<L>;
  /** The text that Prometheus reads, and its content type. */
  render(): Promise<{ contentType: string; text: string }>;
}

/** Makes a registry of its own, with the default metrics of the process and the label `service` on everything. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  return {
    registry,
    counter: ({ name, help, labels = [] }) =>
      new Counter({ name: `entrepot_${name}`, help, labelNames: [...labels], registers: [registry] }),
    gauge: ({ name, help, labels = [] }) =>
      new Gauge({ name: `entrepot_${name}`, help, labelNames: [...labels], registers: [registry] }),
    histogram: ({ name, help, labels = [], buckets }) =>
      new Histogram({ name: `entrepot_${name}`, help, labelNames: [...labels], buckets, registers: [registry] }),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
