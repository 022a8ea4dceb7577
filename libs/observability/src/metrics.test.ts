import { createMetrics } from './metrics.js';

describe('metrics', () => {
  it('count, measure and render with the service as a label', async () => {
    const metrics = createMetrics('puller');
    const bytes = metrics.counter({ name: 'fetched_bytes_total', help: 'Bytes.', labels: ['registry'] });
    bytes.inc({ registry: 'docker.io' }, 42);
    const took = metrics.histogram({ name: 'fetch_seconds', help: 'Seconds.', buckets: [1, 10] });
    took.observe(3);
    const { contentType, text } = await metrics.render();
    expect(contentType).toMatch(/^text\/plain/);
    expect(text).toContain('entrepot_fetched_bytes_total{registry="docker.io",service="puller"} 42');
    expect(text).toContain('entrepot_fetch_seconds_bucket{le="10",service="puller"} 1');
    expect(text).toContain('entrepot_fetch_seconds_bucket{le="1",service="puller"} 0');
    expect(text).toContain('# HELP entrepot_fetched_bytes_total Bytes.');
  });

  it('have usual buckets when none are given', async () => {
    const metrics = createMetrics('x');
    metrics.histogram({ name: 'some_seconds', help: 'Seconds.' }).observe(0.2);
    expect((await metrics.render()).text).toContain('entrepot_some_seconds_bucket{le="0.25",service="x"} 1');
  });

  it('tell about the process', async () => {
    const { text } = await createMetrics('x').render();
    expect(text).toMatch(/^process_resident_memory_bytes\{service="x"\} \d{6,}/m);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it('ask a gauge when they are read, and survive one that fails', async () => {
    const metrics = createMetrics('x');
    let waiting = 1;
    metrics.gauge({
      name: 'jobs',
      help: 'Jobs.',
      labels: ['job', 'state'],
      collect: async (gauge) => gauge.set({ job: 'fetch-blob', state: 'waiting' }, waiting++),
    });
    metrics.gauge({
      name: 'broken',
      help: 'Broken.',
      collect: async () => {
        throw new Error('queue unavailable');
      },
    });
    expect((await metrics.render()).text).toContain('entrepot_jobs{job="fetch-blob",state="waiting",service="x"} 1');
    expect((await metrics.render()).text).toContain('entrepot_jobs{job="fetch-blob",state="waiting",service="x"} 2');
  });

  it('are apart from those of another registry, and refuse a name twice in one', () => {
    const metrics = createMetrics('a');
    metrics.counter({ name: 'x_total', help: 'X.' });
    expect(() => createMetrics('b').counter({ name: 'x_total', help: 'X.' })).not.toThrow();
    expect(() => metrics.counter({ name: 'x_total', help: 'X.' })).toThrow(/already been registered/);
  });
});
