import { Controller, Get, Head, Header } from '@nestjs/common';

/** The first request of every docker command. */
@Controller('_ping')
export class PingController {
  @Head()
  @Header('content-type', 'text/plain; charset=utf-8')
  @Header('cache-control', 'no-cache, no-store, must-revalidate')
  @Header('pragma', 'no-cache')
  @Header('swarm', 'inactive')
  head(): string {
    return '';
  }

  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  @Header('cache-control', 'no-cache, no-store, must-revalidate')
  @Header('pragma', 'no-cache')
  @Header('swarm', 'inactive')
  get(): string {
    return 'OK';
  }
}
