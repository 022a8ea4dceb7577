import { createToken, deleteToken, type EndpointOutput, listTokens } from '@entrepot/platform-api';
import { type Command, Option } from 'commander';
import { type CommandContext, print } from '../context.js';
import { listHelp } from '../options.js';
import { humanAge } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';
import { eachName } from './each-name.js';

type Token = EndpointOutput<typeof listTokens>['items'][number];

export function addToken(program: Command, context: CommandContext): void {
  const token = program
    .command('token')
    .description('make, list and take away access tokens')
    .addHelpText('after', examples);
  token
    .command('create <name>')
    .description('make a token and print its secret, which is told only this once')
    .addOption(
      new Option('--role <role>', 'reader sees, operator also pulls, loads and removes, admin also configures')
        .choices(['reader', 'operator', 'admin'])
        .default('reader'),
    )
    .option('--expires <time>', 'when it ends, RFC 3339; never when not said')
    .option('--json', 'print the answer of the API')
    .action(async (name: string, options: { role: Token['role']; expires?: string; json?: boolean }) => {
      const body = { name, role: options.role, expiresAt: options.expires };
      const created = await context.client().call(createToken, { body }, context.signal);
      await print(context, options.json ? `${JSON.stringify(created, null, 2)}\n` : `${created.secret}\n`);
    });
  token
    .command('ls', { isDefault: true })
    .description('list tokens; secrets are not kept')
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print names')
    .option('--json', listHelp.json)
    .action(async (options: ListOptions) => {
      const { items } = await context.client().call(listTokens, {}, context.signal);
      await print(context, formatList(items, tokenShape, options));
    });
  token
    .command('rm <name...>')
    .description('take tokens away; they are refused at once')
    .action((names: string[]) =>
      eachName(context, names, async (name) => {
        await context.client().call(deleteToken, { params: { name } }, context.signal);
      }),
    );
}

const examples = `
Examples:
  entrepot token create ci --role operator --expires 2027-01-01T00:00:00Z
  ENTREPOT_TOKEN=ent_… entrepot images`;

const tokenShape: ListShape<Token> = {
  row: ({ name, role, createdBy, createdAt, lastUsedAt, expiresAt }) => ({
    Name: name,
    Role: role,
    CreatedBy: createdBy ?? '',
    Created: humanAge(new Date(createdAt)),
    LastUsed: lastUsedAt === null ? 'never' : humanAge(new Date(lastUsedAt)),
    Expires: expiresAt ?? 'never',
  }),
  headers: {
    Name: 'NAME',
    Role: 'ROLE',
    CreatedBy: 'CREATED BY',
    Created: 'CREATED',
    LastUsed: 'LAST USED',
    Expires: 'EXPIRES',
  },
  table: '{{.Name}}\t{{.Role}}\t{{.Created}}\t{{.LastUsed}}\t{{.Expires}}',
  quietField: 'Name',
};
