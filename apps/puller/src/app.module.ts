import type { Health, HealthReport, Metrics } from '@entrepot/observability';
import { Controller, type DynamicModule, Get, Inject, Module, Res } from '@nestjs/common';

/** As much of Fastify's reply as is used here. */
interface Reply {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
}

const HEALTH = Symbol('health');
const METRICS = Symbol('metrics');

/** For whoever runs this process: is it alive, can it work, what has it done. */
@Controller()
export class HealthController {
  constructor(
    @Inject(HEALTH) private readonly health: Health,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {}

  @Get('healthz')
  alive(): object {
    return { ok: true };
  }

  @Get('readyz')
  async ready(@Res({ passthrough: true }) reply: Reply): Promise<HealthReport> {
    const report = await this.health.check();
    reply.code(report.ok ? 200 : 503);
    return report;
  }

  @Get('metrics')
  async read(@Res({ passthrough: true }) reply: Reply): Promise<string> {
    const { contentType, text } = await this.metrics.render();
    reply.header('content-type', contentType);
    return text;
  }
}

/** What this service serves by HTTP; its work comes from the queue. */
@Module({})
export class AppModule {
  static forParts(parts: { health: Health; metrics: Metrics }): DynamicModule {
    return {
      module: AppModule,
      providers: [
        { provide: HEALTH, useValue: parts.health },
        { provide: METRICS, useValue: parts.metrics },
      ],
      controllers: [HealthController],
    };
  }
}
