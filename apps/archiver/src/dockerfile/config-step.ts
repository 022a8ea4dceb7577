import { posix } from 'node:path';
import type { ContainerConfig } from '@entrepot/oci';
import { DockerfileError } from './errors.js';
import { formatGoDuration, goList, goQuote, goQuoteList, goQuoteRune } from './go-format.js';
import type { Command, Pair } from './parse-command.js';

/** What an instruction finds. */
export interface ConfigState {
  config: ContainerConfig;
  /** Runs commands that are texts. */
  shell: readonly string[];
  /** `CMD` was given already, so `ENTRYPOINT` leaves it alone. */
  hasCmd: boolean;
}

/** What an instruction makes of the config, how the history tells it, and what is said of it beside. */
export interface ConfigStep {
  config: ContainerConfig;
  comment: string;
  note?: string;
}

/** Puts values in the place of variables. */
export type Expand = (word: string) => string;

type ConfigCommand = Exclude<Command, { kind: 'copy' | 'add' | 'run' | 'arg' | 'maintainer' }>;

/** The instructions that change nothing but the config. @throws {DockerfileError} in Docker's words */
export function configStep(state: ConfigState, command: ConfigCommand, expand: Expand): ConfigStep {
  const { config } = state;
  switch (command.kind) {
    case 'env': {
      const pairs = expandPairs(command.pairs, expand);
      return { config: { ...config, Env: mergeEnv(config.Env ?? [], pairs) }, comment: ` ENV${pairText(pairs)}` };
    }
    case 'label': {
      const pairs = command.literal ? command.pairs : expandPairs(command.pairs, expand);
      const labels = { ...config.Labels, ...Object.fromEntries(pairs) };
      return { config: { ...config, Labels: labels }, comment: ` LABEL${pairText(pairs)}` };
    }
    case 'workdir': {
      const asked = expand(command.value);
      if (asked === '') throw new DockerfileError('cannot normalize nothing');
      const path = posix.resolve(config.WorkingDir || '/', asked);
      return { config: { ...config, WorkingDir: path }, comment: `WORKDIR ${path}` };
    }
    case 'user': {
      const user = expand(command.value);
      return { config: { ...config, User: user }, comment: ` USER ${user}` };
    }
    case 'expose': {
      const ports = command.values.flatMap((word) => expand(word).split(/\s+/).filter(Boolean));
      const exposed = { ...config.ExposedPorts, ...asSet(ports.flatMap(parsePorts)) };
      return { config: { ...config, ExposedPorts: exposed }, comment: ` EXPOSE ${ports.join(' ')}` };
    }
    case 'volume': {
      const volumes = command.values.map(expand);
      if (volumes.includes('')) throw new DockerfileError('VOLUME specified can not be an empty string');
      return {
        config: { ...config, Volumes: { ...config.Volumes, ...asSet(volumes) } },
        comment: ` VOLUME ${goList(volumes)}`,
      };
    }
    case 'stopsignal': {
      const signal = expand(command.value);
      if (!isSignal(signal)) throw new DockerfileError(`Invalid signal: ${signal}`);
      return { config: { ...config, StopSignal: signal }, comment: ` STOPSIGNAL ${signal}` };
    }
    case 'cmd': {
      const words = command.isShell ? [...state.shell, ...command.words] : command.words;
      return { config: { ...config, Cmd: words }, comment: ` CMD ${goQuoteList(words)}` };
    }
    case 'entrypoint': {
      const words = command.isShell ? [...state.shell, ...command.words] : command.words;
      const { Cmd, ...rest } = config;
      const kept = state.hasCmd && Cmd !== undefined ? { Cmd } : {};
      return { config: { ...rest, ...kept, Entrypoint: words }, comment: ` ENTRYPOINT ${goQuoteList(words)}` };
    }
    case 'shell':
      return { config: { ...config, Shell: command.values }, comment: ` SHELL ${goList(command.values)}` };
    case 'healthcheck': {
      const { Test = [], Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 } = command.health;
      const times = [Interval, Timeout, StartPeriod, StartInterval].map((time) => goQuote(formatGoDuration(time)));
      const comment = ` HEALTHCHECK &{${goQuoteList(Test)} ${times.join(' ')} ${goQuoteRune(Retries)}}`;
      const before = config.Healthcheck?.Test ?? [];
      const isOverriding = before.length > 0 && before[0] !== 'NONE';
      return {
        // What it does not say stays as it was.
        config: { ...config, Healthcheck: { ...config.Healthcheck, ...command.health } },
        comment,
        ...(isOverriding && { note: `Note: overriding previous HEALTHCHECK: ${goList(before)}\n` }),
      };
    }
    case 'onbuild': {
      const triggers = [...(config.OnBuild ?? []), command.trigger];
      return { config: { ...config, OnBuild: triggers }, comment: ` ONBUILD ${command.trigger}` };
    }
  }
}

function expandPairs(pairs: readonly Pair[], expand: Expand): Pair[] {
  return pairs.map(([key, value]) => [expand(key), expand(value)] as const);
}

function pairText(pairs: readonly Pair[]): string {
  return pairs.map(([key, value]) => ` ${key}=${value}`).join('');
}

/** A variable that is there keeps its place. */
function mergeEnv(env: readonly string[], pairs: readonly Pair[]): string[] {
  const merged = [...env];
  for (const [key, value] of pairs) {
    const at = merged.findIndex((variable) => variable.split('=', 1)[0] === key);
    merged.splice(at === -1 ? merged.length : at, at === -1 ? 0 : 1, `${key}=${value}`);
  }
  return merged;
}

const asSet = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]));

/** `80`, `80/udp`, `8000-8010`, `8080:80`; the port of the container counts. */
function parsePorts(text: string): string[] {
  const match = /^(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || first > last || last > 65_535) throw new DockerfileError(`Invalid containerPort: ${text}`);
  const protocol = match[3]?.toLowerCase() ?? 'tcp';
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

const signalNames = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);

function isSignal(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) > 0;
  const name = text.toUpperCase().replace(/^SIG/, '');
  return signalNames.has(name) || /^RT(?:MIN\+(?:[1-9]|1[0-5])|MAX-(?:[1-9]|1[0-4]))$/.test(name);
}
