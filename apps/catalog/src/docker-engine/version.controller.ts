import { arch, release } from 'node:os';
import { Controller, Get } from '@nestjs/common';
import { serverVersion } from '../version.js';
import { newestApiVersion, oldestApiVersion } from './api-version.js';

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** `docker version`. */
@Controller('version')
export class VersionController {
  @Get()
  get(): object {
    const about = {
      ApiVersion: newestApiVersion,
      Arch: goArchitecture(),
      BuildTime: '',
      GitCommit: '',
      GoVersion: `none (Node.js ${process.version})`,
      KernelVersion: release(),
      MinAPIVersion: oldestApiVersion,
      Os: 'linux',
    };
    const engine = { Name: 'Engine', Version: serverVersion, Details: { ...about, Experimental: 'false' } };
    return { Platform: { Name: `Entrepot ${serverVersion}` }, Components: [engine], Version: serverVersion, ...about };
  }
}

/** The architecture of this process in Go's words. */
export function goArchitecture(): string {
  return architectures[arch()] ?? arch();
}
