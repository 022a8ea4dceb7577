import { Controller, Get, Header } from '@nestjs/common';

/** What `docker login HOST` asks HOST for: whether a name and a password are good. Images are not served there. */
@Controller('v2')
export class RegistryLoginController {
  @Get()
  @Header('docker-distribution-api-version', 'registry/2.0')
  check(): object {
    return {};
  }
}
