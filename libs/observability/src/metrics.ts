import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Describes one metric; `labels` are the only ones it takes. */
export interface MetricOptions<L extends string> {
  /** Without the prefix `entrepot_`, which every name gets. */
  name: string;
  help: string;
  labels?: readonly L[];
}

/** The metrics of one process. A name can be used once. */
export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = never>(options: MetricOptions<L>): Counter<L>;
  /** `collect` is asked whenever the metrics are read; when it fails, the values of the last time stay. */
  gauge<L extends string = never>(
    options: MetricOptions<L> & { collect?: (gauge: Gauge<L>) => void | Promise<void> },
  ): Gauge<L>;
  /** Buckets are in the unit of the name; default 5 ms to 10 s, in seconds. */
  histogram<L extends string = never>(options: MetricOptions<L> & { buckets?: number[] }): Histogram<L>;
  /** The text that Prometheus reads, and its content type. */
  render(): Promise<{ contentType: string; text: string }>;
}

/** Makes a registry of its own, with the default metrics of the process and the label `service` on everything. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    counter: (options) => new Counter(shared(options, registry)),
    gauge: ({ collect, ...options }) =>
      new Gauge({ ...shared(options, registry), collect: collect && forgiving(collect) }),
    histogram: ({ buckets, ...options }) =>
      new Histogram({ ...shared(options, registry), ...(buckets && { buckets }) }),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function shared<L extends string>({ name, help, labels = [] }: MetricOptions<L>, registry: Registry) {
  return { name: `entrepot_${name}`, help, labelNames: [...labels], registers: [registry] };
}

/** One source that is away (the queue, the database) must not take all other metrics with it. */
function forgiving<L extends string>(collect: (gauge: Gauge<L>) => void | Promise<void>) {
  return async function (this: Gauge<L>): Promise<void> {
    try {
      await collect(this);
    } catch {
      // The health check of that source says so.
    }
  };
}
