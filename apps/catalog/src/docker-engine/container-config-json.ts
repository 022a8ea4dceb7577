import type { ContainerConfig } from '@entrepot/oci';
import type { ApiVersion } from './api-version.js';

/** How an image is run, in the shape of the client's API version. */
export function containerConfigJson(config: ContainerConfig, version: ApiVersion): object {
  return version < 50 ? fullConfig(config) : imageConfig(config);
}

/** The fields of an image alone, in alphabetical order as dockerd prints them. */
function imageConfig(config: ContainerConfig): object {
  return withoutAbsent({
    ArgsEscaped: config.ArgsEscaped || undefined,
    Cmd: config.Cmd ?? null,
    Entrypoint: config.Entrypoint ?? null,
    Env: config.Env ?? null,
    ExposedPorts: sorted(config.ExposedPorts),
    Healthcheck: sorted(config.Healthcheck),
    Labels: sorted(config.Labels) ?? null,
    OnBuild: config.OnBuild ?? null,
    Shell: config.Shell,
    StopSignal: config.StopSignal || undefined,
    User: config.User ?? '',
    Volumes: sorted(config.Volumes) ?? null,
    WorkingDir: config.WorkingDir ?? '',
  });
}

/** Everything a container's config has, in the order of dockerd's struct. */
function fullConfig(config: ContainerConfig): object {
  return withoutAbsent({
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: sorted(config.ExposedPorts),
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: false,
    Env: config.Env ?? null,
    Cmd: config.Cmd ?? null,
    Healthcheck: config.Healthcheck,
    ArgsEscaped: config.ArgsEscaped || undefined,
    Image: config.Image ?? '',
    Volumes: sorted(config.Volumes) ?? null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: sorted(config.Labels) ?? null,
    StopSignal: config.StopSignal || undefined,
    StopTimeout: config.StopTimeout,
    Shell: config.Shell,
  });
}

/** Go prints maps in the order of their keys. */
function sorted<T extends object>(map: T | undefined): T | undefined {
  if (map === undefined) return undefined;
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries) as T;
}

function withoutAbsent(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
