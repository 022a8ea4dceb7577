import { type EndpointOutput, listImages } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { readAll } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { shortId, splitDigest, splitTag } from '../names.js';
import { booleanFilter, collect, listHelp, readFilters } from '../options.js';
import { goTime, humanAge, humanSize } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Image = EndpointOutput<typeof listImages>['items'][number];

interface ImagesOptions extends ListOptions {
  all?: boolean;
  digests?: boolean;
  filter: string[];
  trunc: boolean;
}

/** One line of the list: an image has one for each tag. */
export interface ImageRow {
  image: Image;
  repository: string;
  tag: string;
  digest: string;
}

const none = '<none>';
const filterKeys = ['dangling', 'label', 'before', 'since', 'reference', 'until'];

export function addImages(program: Command, context: CommandContext): void {
  program
    .command('images [name]')
    .description('list images; NAME narrows to a repository or a tag')
    .option('-a, --all', 'also untagged images that others are built on')
    .option('--digests', 'show digests')
    .option('-f, --filter <filter>', `${filterKeys.join(', ')} as name=value; several times`, collect, [])
    .option('--format <template>', listHelp.format)
    .option('--no-trunc', listHelp.noTrunc)
    .option('-q, --quiet', 'only print ids')
    .option('--json', listHelp.json)
    .addHelpText('after', examples)
    .action(async (name: string | undefined, options: ImagesOptions) => {
      const images = await readImages(context, name, options);
      if (options.json) return print(context, `${JSON.stringify(images, null, 2)}\n`);
      const rows = images.flatMap((image) => rowsOf(image, Boolean(options.digests)));
      await print(context, formatList(rows, imageShape(options), options));
    });
}

const examples = `
Examples:
  entrepot images
  entrepot images --digests registry.example.com/team/api
  entrepot images -f dangling=true -q
  entrepot images --format 'table {{.Repository}}:{{.Tag}}\\t{{.Size}}'`;

async function readImages(context: CommandContext, name: string | undefined, options: ImagesOptions): Promise<Image[]> {
  const filters = readFilters(options.filter, filterKeys);
  const query = {
    all: options.all,
    dangling: booleanFilter(filters, 'dangling'),
    label: filters.label,
    before: filters.before,
    since: filters.since,
    until: filters.until?.at(-1),
    reference: [...(filters.reference ?? []), ...(name === undefined ? [] : [name])],
  };
  return readAll((page) => context.client().call(listImages, { query: { ...query, ...page } }, context.signal));
}

/** A line for each tag; with `digests`, for each digest of its repository. An image without a tag has one line too. */
export function rowsOf(image: Image, digests: boolean): ImageRow[] {
  const byDigest = image.digests.map(splitDigest);
  const tagged = image.tags.map(splitTag).flatMap(({ repository, tag }) => {
    const own = byDigest.filter((known) => known.repository === repository).map(({ digest }) => digest);
    const shown = digests && own.length > 0 ? own : [own[0] ?? none];
    return shown.map((digest) => ({ image, repository, tag, digest }));
  });
  const tagless = byDigest
    .filter(({ repository }) => !tagged.some((row) => row.repository === repository))
    .filter((_, index) => digests || (index === 0 && tagged.length === 0))
    .map(({ repository, digest }) => ({ image, repository, tag: none, digest }));
  const rows = [...tagged, ...tagless];
  return rows.length > 0 ? rows : [{ image, repository: none, tag: none, digest: none }];
}

function imageShape({ digests, trunc }: ImagesOptions): ListShape<ImageRow> {
  return {
    row: ({ image, repository, tag, digest }) => {
      const createdAt = image.createdAt === null ? null : new Date(image.createdAt);
      return {
        Repository: repository,
        Tag: tag,
        Digest: digest,
        ID: trunc ? shortId(image.id) : image.id,
        CreatedSince: humanAge(createdAt),
        CreatedAt: createdAt ? goTime(createdAt) : 'N/A',
        Size: humanSize(image.sizeBytes, 3),
        Platform: image.platform,
        Labels: Object.entries(image.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
      };
    },
    headers: {
      Repository: 'REPOSITORY',
      Tag: 'TAG',
      Digest: 'DIGEST',
      ID: 'IMAGE ID',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      Size: 'SIZE',
      Platform: 'PLATFORM',
      Labels: 'LABELS',
    },
    table: `{{.Repository}}\t{{.Tag}}\t${digests ? '{{.Digest}}\t' : ''}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    quietField: 'ID',
  };
}
