import { cpus, release, totalmem } from 'node:os';
import type { Upstream, Upstreams } from '@entrepot/content';
import {
  countContainers,
  type Database,
  listContainers,
  listImages,
  measureDiskUsage,
  measureSharedBytes,
} from '@entrepot/database';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ContainerService } from '../containers/container-service.js';
import { DATABASE, UPSTREAMS } from '../providers.js';
import { serverVersion } from '../version.js';
import { type ApiVersion, EngineVersion } from './api-version.js';
import { containerSummaryJson } from './container-json.js';
import { all, type QueryValues } from './query.js';
import { summaryJson } from './summary-json.js';

/** `docker info` and `docker system df`. */
@Controller()
export class SystemController {
  constructor(
    @Inject(UPSTREAMS) private readonly upstreams: Upstreams,
    @Inject(DATABASE) private readonly database: Database,
    private readonly containers: ContainerService,
  ) {}

  @Get('info')
  async info(): Promise<object> {
    const usage = await measureDiskUsage(this.database.prisma);
    const containers = [...(await countContainers(this.database.prisma)).values()].reduce((sum, n) => sum + n, 0);
    return {
      ID: 'entrepot',
      Name: 'entrepot',
      ServerVersion: serverVersion,
      Images: usage.images,
      ...{ Containers: containers, ContainersRunning: 0, ContainersPaused: 0, ContainersStopped: containers },
      Driver: 'entrepot',
      DriverStatus: [
        ['Blobs', String(usage.blobs)],
        ['Stored', `${usage.storedBytes} bytes`],
        ['Layers', `${usage.layersBytes} bytes, each counted once`],
      ],
      RegistryConfig: registries(this.upstreams.list()),
      ...thisMachine(),
      ...noRuntime,
      SystemTime: new Date().toISOString(),
    };
  }

  @Get('system/df')
  async usage(@Query() query: QueryValues, @EngineVersion() version: ApiVersion): Promise<object> {
    const types = all(query.type);
    const wants = (type: string): boolean => types.length === 0 || types.includes(type);
    return {
      ...(wants('image') ? await this.#images(version) : {}),
      ...(wants('container') ? { Containers: await this.#containers() } : {}),
      ...(wants('volume') ? { Volumes: [] } : {}),
      ...(wants('build-cache') ? { BuildCache: [] } : {}),
    };
  }

  async #images(version: ApiVersion): Promise<object> {
    const { prisma } = this.database;
    const [usage, shared] = [await measureDiskUsage(prisma), await measureSharedBytes(prisma)];
    const containers = await countContainers(prisma);
    const images = (await listImages(prisma)).map((image) =>
      summaryJson(image, version, {
        containers: containers.get(image.id) ?? 0,
        sharedBytes: shared.get(image.id) ?? 0,
      }),
    );
    return { LayersSize: usage.layersBytes, Images: images };
  }

  async #containers(): Promise<object[]> {
    const containers = await listContainers(this.database.prisma);
    const sizes = await this.containers.measure(containers);
    return containers.map((container) => containerSummaryJson(container, sizes.get(container.id)));
  }
}

/** What a daemon would say of its plugins and its swarm. */
const noRuntime = {
  Plugins: { Volume: null, Network: null, Authorization: null, Log: null },
  Swarm: {
    NodeID: '',
    NodeAddr: '',
    LocalNodeState: 'inactive',
    ControlAvailable: false,
    Error: '',
    RemoteManagers: null,
  },
  SecurityOptions: [],
  Warnings: ['WARNING: Entrepot keeps images and does not run containers'],
  ...{ Labels: [], ExperimentalBuild: false, LiveRestoreEnabled: false, Debug: false },
  ...{ HttpProxy: '', HttpsProxy: '', NoProxy: '', IndexServerAddress: 'https://index.docker.io/v1/' },
};

function thisMachine(): object {
  return {
    OperatingSystem: 'Entrepot',
    OSType: 'linux',
    Architecture: process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch,
    KernelVersion: release(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
  };
}

function registries(configured: readonly Upstream[]): object {
  const indexes = configured.map(({ host, mirrors = [], insecure = false }) => [
    host,
    { Name: host, Mirrors: mirrors, Secure: !insecure, Official: host === 'docker.io' },
  ]);
  const hub = { Name: 'docker.io', Mirrors: [], Secure: true, Official: true };
  return {
    IndexConfigs: { 'docker.io': hub, ...Object.fromEntries(indexes) },
    InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
    Mirrors: null,
  };
}
