import type { ContainerRow } from '@entrepot/database';
import { goTime, zeroTime } from './go-time.js';

/** What only a question with `size=1` is answered. */
export interface ContainerSizes {
  /** Bytes of the files in its own layer. */
  ownBytes: number;
  /** Of the whole tree. */
  rootBytes: number;
}

/** A row of `docker ps`. */
export function containerSummaryJson(container: ContainerRow, sizes?: ContainerSizes): object {
  const { id, name, imageName, imageId, createdAt, config, hostConfig } = container;
  const { path, args } = commandOf(config);
  return {
    Id: id,
    Names: [`/${name}`],
    Image: imageName,
    ImageID: imageId,
    Command: [path, ...args.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' '),
    Created: Math.floor(Date.parse(createdAt) / 1000),
    Ports: [],
    ...(sizes && sizes.ownBytes > 0 ? { SizeRw: sizes.ownBytes } : {}),
    ...(sizes ? { SizeRootFs: sizes.rootBytes } : {}),
    Labels: config.Labels ?? {},
    State: 'created',
    Status: 'Created',
    HostConfig: { NetworkMode: hostConfig.NetworkMode },
    NetworkSettings: { Networks: networks(hostConfig) },
    Mounts: [],
  };
}

/** `docker inspect` of a container. */
export function containerInspectJson(container: ContainerRow, sizes?: ContainerSizes): object {
  const { id, name, imageId, createdAt, config, hostConfig } = container;
  const { path, args } = commandOf(config);
  return {
    Id: id,
    Created: goTime(createdAt),
    Path: path,
    Args: args,
    State: neverRan,
    Image: imageId,
    ...{ ResolvConfPath: '', HostnamePath: '', HostsPath: '', LogPath: '' },
    Name: `/${name}`,
    RestartCount: 0,
    Driver: 'entrepot',
    Platform: 'linux',
    ...{ MountLabel: '', ProcessLabel: '', AppArmorProfile: '', ExecIDs: null },
    HostConfig: hostConfig,
    GraphDriver: { Data: null, Name: 'entrepot' },
    ...(sizes ? { SizeRw: sizes.ownBytes, SizeRootFs: sizes.rootBytes } : {}),
    Mounts: [],
    Config: configJson(config),
    NetworkSettings: { Bridge: '', Ports: {}, Networks: networks(hostConfig) },
  };
}

/** Sets that are empty are left out or null, as Go prints them. */
function configJson(config: Record<string, unknown>): object {
  const { ExposedPorts, Healthcheck, StopSignal, StopTimeout, Shell, ...rest } = config;
  const optional = { ExposedPorts, Healthcheck, StopSignal, StopTimeout, Shell };
  const present = Object.entries(optional).filter(([, value]) => !isNothing(value));
  return { ...rest, ...Object.fromEntries(present) };
}

function isNothing(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  );
}

function commandOf({ Entrypoint, Cmd }: Record<string, unknown>): { path: string; args: string[] } {
  const [path = '', ...args] = [...((Entrypoint ?? []) as string[]), ...((Cmd ?? []) as string[])];
  return { path, args };
}

const neverRan = {
  Status: 'created',
  ...{ Running: false, Paused: false, Restarting: false, OOMKilled: false, Dead: false },
  ...{ Pid: 0, ExitCode: 0, Error: '', StartedAt: zeroTime, FinishedAt: zeroTime },
};

function networks({ NetworkMode }: Record<string, unknown>): object {
  const name = typeof NetworkMode === 'string' && NetworkMode !== '' ? NetworkMode : 'bridge';
  const endpoint = { IPAMConfig: null, Links: null, Aliases: null, MacAddress: '', DriverOpts: null };
  const address = { NetworkID: '', EndpointID: '', Gateway: '', IPAddress: '', IPPrefixLen: 0, DNSNames: null };
  return { [name]: { ...endpoint, ...address } };
}
