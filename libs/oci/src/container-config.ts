import type { Fail, JsonObject } from './json-document.js';
import { JsonFields, withoutUndefined } from './json-fields.js';

/**
 * How to run a container of an image. Field names are those of the document, for
 * the Engine API passes them on as they are; durations are nanoseconds.
 */
export interface ContainerConfig {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  ArgsEscaped?: boolean;
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  StopTimeout?: number;
  Tty?: boolean;
  OpenStdin?: boolean;
  Image?: string;
  OnBuild?: string[];
  Shell?: string[];
  Healthcheck?: Healthcheck;
}

/** Docker's health check. `Test` starts with NONE, CMD or CMD-SHELL; times are nanoseconds. */
export interface Healthcheck {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/** Reads the known fields; a field of the wrong type throws what `fail` makes. */
export function parseContainerConfig(json: JsonObject, fail: Fail): ContainerConfig {
  const fields = new JsonFields(json, fail);
  return withoutUndefined<ContainerConfig>({
    Hostname: fields.optionalString('Hostname'),
    Domainname: fields.optionalString('Domainname'),
    User: fields.optionalString('User'),
    ExposedPorts: parseSet(fields, 'ExposedPorts'),
    Env: fields.optionalStrings('Env'),
    Entrypoint: parseCommand(fields, 'Entrypoint'),
    Cmd: parseCommand(fields, 'Cmd'),
    ArgsEscaped: fields.optionalBoolean('ArgsEscaped'),
    Volumes: parseSet(fields, 'Volumes'),
    WorkingDir: fields.optionalString('WorkingDir'),
    Labels: fields.optionalStringMap('Labels'),
    StopSignal: fields.optionalString('StopSignal'),
    StopTimeout: fields.optionalInteger('StopTimeout'),
    Tty: fields.optionalBoolean('Tty'),
    OpenStdin: fields.optionalBoolean('OpenStdin'),
    Image: fields.optionalString('Image'),
    OnBuild: fields.optionalStrings('OnBuild'),
    Shell: parseCommand(fields, 'Shell'),
    Healthcheck: parseHealthcheck(fields, fail),
  });
}

function parseHealthcheck(config: JsonFields, fail: Fail): Healthcheck | undefined {
  const json = config.optionalObject('Healthcheck');
  if (json === undefined) return undefined;
  const fields = new JsonFields(json, (reason) => fail(`Healthcheck: ${reason}`));
  return withoutUndefined<Healthcheck>({
    Test: fields.optionalStrings('Test'),
    Interval: fields.optionalInteger('Interval'),
    Timeout: fields.optionalInteger('Timeout'),
    StartPeriod: fields.optionalInteger('StartPeriod'),
    StartInterval: fields.optionalInteger('StartInterval'),
    Retries: fields.optionalInteger('Retries'),
  });
}

/** A single text stands for a list of one, as old images have it. */
function parseCommand(fields: JsonFields, name: string): string[] | undefined {
  const value = fields.value(name);
  return typeof value === 'string' ? [value] : fields.optionalStrings(name);
}

/** Go's set type: the keys count, every value is an empty object. */
function parseSet(fields: JsonFields, name: string): Record<string, object> | undefined {
  const value = fields.optionalObject(name);
  return value === undefined ? undefined : Object.fromEntries(Object.keys(value).map((key) => [key, {}]));
}
