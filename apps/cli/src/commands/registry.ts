import { readFile } from 'node:fs/promises';
import {
  changeRegistry,
  createRegistry,
  deleteRegistry,
  type EndpointInput,
  type EndpointOutput,
  listRegistries,
  testRegistry,
} from '@entrepot/platform-api';
import { type Command, Option } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { collect, listHelp, wholeNumber } from '../options.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';
import { readSecret } from './read-secret.js';

type Registry = EndpointOutput<typeof listRegistries>['items'][number];
type Settings = NonNullable<EndpointInput<typeof changeRegistry>['body']>;

interface RegistryOptions {
  endpoint?: string;
  mirror?: string[];
  kind?: Registry['kind'];
  priority?: number;
  insecure?: boolean;
  ca?: string;
  username?: string;
  passwordStdin?: boolean;
  anonymous?: boolean;
  connections?: number;
  requestsPerMinute?: number;
  bytesPerSecond?: number;
}

export function addRegistry(program: Command, context: CommandContext): void {
  const registry = program
    .command('registry')
    .description('list and configure upstream registries')
    .addHelpText('after', examples);
  addList(registry, context);
  settingsOf(registry.command('add <host>').description('configure a registry')).action(
    async (host: string, options: RegistryOptions) => {
      const body = { host, ...(await readSettings(context, options)) };
      await context.client().call(createRegistry, { body }, context.signal);
    },
  );
  settingsOf(registry.command('set <host>').description('change how a registry is reached'))
    .option('--anonymous', 'forget its credential')
    .action(async (host: string, options: RegistryOptions) => {
      const body = await readSettings(context, options);
      if (Object.keys(body).length === 0) throw new UsageError('say what is to change; --help lists the settings');
      await context.client().call(changeRegistry, { params: { host }, body }, context.signal);
    });
  registry
    .command('test <host>')
    .description('ask a registry whether it answers and takes its credential')
    .action((host: string) => test(context, host));
  registry
    .command('rm <host>')
    .description('remove what was configured; what the file of the server says counts again')
    .action(async (host: string) => {
      await context.client().call(deleteRegistry, { params: { host } }, context.signal);
    });
}

const examples = `
Examples:
  entrepot registry add registry.example.com --username robot --password-stdin < password
  entrepot registry set docker.io --requests-per-minute 60 --mirror https://mirror.example.com
  entrepot registry test registry.example.com`;

function addList(registry: Command, context: CommandContext): void {
  registry
    .command('ls', { isDefault: true })
    .description('list registries in the order in which a search asks them')
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print hosts')
    .option('--json', listHelp.json)
    .action(async (options: ListOptions) => {
      const { items } = await context.client().call(listRegistries, {}, context.signal);
      await print(context, formatList(items, registryShape, options));
    });
}

function settingsOf(command: Command): Command {
  return command
    .option('--endpoint <url>', 'address to talk to instead of https://HOST')
    .option('--mirror <url>', 'asked first; several times', collect)
    .addOption(
      new Option('--kind <kind>', 'how it is searched').choices([
        'docker-hub',
        'harbor',
        'quay',
        'zot',
        'distribution',
      ]),
    )
    .option('--priority <number>', 'a search asks lower ones first', wholeNumber(0))
    .option('--insecure', 'plain HTTP, or any certificate')
    .option('--no-insecure', 'HTTPS with a certificate that is trusted')
    .option('--ca <file>', 'PEM file of an authority that is trusted too')
    .option('-u, --username <name>', 'who Entrepot is there; the password is asked, or read by --password-stdin')
    .option('--password-stdin', 'read the password from standard input')
    .option('--connections <number>', 'connections at once', wholeNumber(1))
    .option('--requests-per-minute <number>', 'requests of all pullers together', wholeNumber(1))
    .option('--bytes-per-second <number>', 'bytes of all pullers together', wholeNumber(1));
}

/** Only what was said. */
async function readSettings(context: CommandContext, options: RegistryOptions): Promise<Settings> {
  const { endpoint, mirror, kind, priority, insecure, ca, username, passwordStdin, anonymous } = options;
  if (passwordStdin && username === undefined) throw new UsageError('--password-stdin needs --username');
  const limits = {
    ...(options.connections && { connections: options.connections }),
    ...(options.requestsPerMinute && { requestsPerMinute: options.requestsPerMinute }),
    ...(options.bytesPerSecond && { bytesPerSecond: options.bytesPerSecond }),
  };
  return {
    ...(endpoint !== undefined && { endpoint }),
    ...(mirror !== undefined && { mirrors: mirror }),
    ...(kind !== undefined && { kind }),
    ...(priority !== undefined && { priority }),
    ...(insecure !== undefined && { insecure }),
    ...(ca !== undefined && { ca: await readFile(ca, 'utf8') }),
    ...(anonymous && { credential: null }),
    ...(username !== undefined && {
      credential: {
        username,
        password: await readSecret(context, `Password of ${username}: `, Boolean(passwordStdin)),
      },
    }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

async function test(context: CommandContext, host: string): Promise<void> {
  const { ok, authenticated, durationMs, error } = await context
    .client()
    .call(testRegistry, { params: { host } }, context.signal);
  if (!ok) throw new Error(`${host}: ${error?.message ?? 'it does not answer as a registry does'}`);
  await print(
    context,
    `${host} answers after ${durationMs} ms${authenticated ? '' : ', but takes no credential of ours'}\n`,
  );
}

const registryShape: ListShape<Registry> = {
  row: ({ host, endpoint, mirrors, kind, priority, insecure, hasCredential, limits, source }) => ({
    Host: host,
    Endpoint: endpoint ?? '',
    Mirrors: mirrors.join(', '),
    Kind: kind,
    Priority: String(priority),
    Insecure: String(insecure),
    Credential: hasCredential ? 'yes' : 'no',
    Limits: limits,
    Source: source,
  }),
  headers: {
    Host: 'HOST',
    Endpoint: 'ENDPOINT',
    Mirrors: 'MIRRORS',
    Kind: 'KIND',
    Priority: 'PRIORITY',
    Insecure: 'INSECURE',
    Credential: 'CREDENTIAL',
    Limits: 'LIMITS',
    Source: 'SET BY',
  },
  table: '{{.Host}}\t{{.Kind}}\t{{.Priority}}\t{{.Credential}}\t{{.Endpoint}}\t{{.Source}}',
  quietField: 'Host',
};
