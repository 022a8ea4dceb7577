import { randomBytes } from 'node:crypto';
import { tagImage } from '@entrepot/content';
import {
  type Digest,
  defaultPlatform,
  familiarReference,
  formatPlatform,
  type Platform,
  parsePlatform,
} from '@entrepot/oci';
import type { Reach } from '@entrepot/registry-client';
import { configStep } from '../dockerfile/config-step.js';
import { type Command, parseCommand } from '../dockerfile/parse-command.js';
import type { Dockerfile, Stage as StageInstructions } from '../dockerfile/parse-dockerfile.js';
import { readTrigger } from '../dockerfile/read-instructions.js';
import { SubstitutionError, substitute } from '../dockerfile/substitute.js';
import { BaseImages } from './base-images.js';
import { BuildArgs } from './build-args.js';
import { BuildStore, type BuildStoreParts } from './build-store.js';
import { findChownOwner } from './copy/find-owner.js';
import { type CopySource, findSources, hashOfAll } from './copy/find-sources.js';
import { NewLayer } from './copy/place-files.js';
import { readArchive } from './copy/read-archive.js';
import { BuildError } from './errors.js';
import type { FileTree } from './file-tree.js';
import type { BuildRequest } from './image-builder.js';
import type { PullParts } from './pull-base.js';
import { fetchRemote, isUrl } from './remote-file.js';
import { Stage } from './stage.js';
import { type StageImage, scratchImage } from './stage-image.js';
import type { RunResult, StepRunner } from './step-runner.js';
import type { Transcript } from './transcript.js';

/** What a build works with. */
export interface BuildParts extends BuildStoreParts, PullParts {
  /** How near to us an address of ADD may lead. */
  reach: Reach;
  /** None: RUN is refused. */
  runner: StepRunner | null;
}

/** What is to be built, read and checked. */
export interface BuildPlan {
  request: BuildRequest;
  dockerfile: Dockerfile;
  /** Up to the target, with the labels of the request at the end. */
  stages: readonly StageInstructions[];
  context: FileTree;
}

type Copy = Extract<Command, { kind: 'copy' | 'add' }>;

/** One build: the stages one after the other, each instruction a step that makes an image. */
export class Build {
  readonly #args: BuildArgs;
  readonly #done: { name: string | null; image: StageImage }[] = [];
  readonly #bases: BaseImages;

  constructor(
    private readonly parts: BuildParts,
    private readonly store: BuildStore,
    private readonly plan: BuildPlan,
    private readonly transcript: Transcript,
    private readonly signal: AbortSignal,
  ) {
    this.#args = new BuildArgs(plan.request.buildArgs);
    const say = transcript.say.bind(transcript);
    this.#bases = new BaseImages(parts, { request: plan.request, lease: store.lease, say, signal });
  }

  /** @throws {BuildError} in Docker's words */
  async run(): Promise<void> {
    this.#declareMetaArgs();
    await this.#refuseTriggersBeforeSteps();
    let last: StageImage | null = null;
    for (const instructions of this.plan.stages) {
      last = await this.#buildStage(instructions);
      this.#done.push({ name: instructions.name, image: last });
    }
    this.transcript.unusedArgs(this.#args.unused());
    const id = last?.id ?? null;
    if (id === null) throw new BuildError(400, 'No image was generated. Is your Dockerfile empty?');
    this.transcript.built(id);
    await this.#tag(id);
  }

  #declareMetaArgs(): void {
    const platform = this.plan.request.platform ?? defaultPlatform;
    for (const [name, value] of automaticArgs(platform)) this.#args.addMeta(name, value);
    for (const command of this.plan.dockerfile.metaArgs) {
      this.transcript.step(command.source);
      for (const { name, value } of command.args) {
        const expand = this.#expander(this.#args.metaValues());
        this.#args.addMeta(expand(name), value === null ? null : expand(value));
      }
    }
  }

  /**
   * A RUN that a base brings with ONBUILD is refused before anything is made. So the bases of later stages are pulled
   * now; that of the first stage is looked at when its turn comes, which is before the first step as well.
   */
  async #refuseTriggersBeforeSteps(): Promise<void> {
    if (this.parts.runner !== null) return;
    const [first, ...later] = this.plan.stages;
    const before = first === undefined ? [] : [first];
    for (const stage of later) {
      const base = this.#baseName(stage);
      const own = findStage(before, base.name);
      if (own !== undefined) refuseRunTriggers(triggersOf(own));
      else if (base.name.toLowerCase() !== 'scratch') {
        refuseRunTriggers((await this.#bases.find(base.name, base.platform)).config.OnBuild ?? []);
      }
      before.push(stage);
    }
  }

  async #buildStage(instructions: StageInstructions): Promise<StageImage> {
    const { name } = instructions;
    const isTaken = name !== null && this.#done.some((stage) => stage.name === name);
    if (isTaken) throw new BuildError(400, `${name} stage name already used`);
    this.transcript.step(instructions.source);
    this.#args.startStage();
    const base = await this.#findBase(instructions);
    const stage = new Stage(instructions.name, base, this.plan.request.noCache);
    if (stage.triggers.length > 0) await this.#runTriggers(stage);
    this.transcript.image(stage.image.id);
    for (const command of instructions.commands) {
      if (this.signal.aborted) throw new BuildError(500, 'Build cancelled');
      this.transcript.step(command.source);
      await this.#dispatch(stage, command);
      this.transcript.image(stage.image.id);
    }
    this.transcript.stageDone(stage.image.id);
    return stage.image;
  }

  async #runTriggers(stage: Stage): Promise<void> {
    const { triggers } = stage;
    if (this.parts.runner === null) refuseRunTriggers(triggers);
    this.transcript.triggers(triggers.length);
    for (const trigger of triggers) await this.#dispatch(stage, parseTrigger(trigger));
  }

  async #dispatch(stage: Stage, command: Command): Promise<void> {
    const expand = this.#expander(this.#variablesOf(stage));
    switch (command.kind) {
      case 'copy':
      case 'add':
        return await this.#copy(stage, command, expand);
      case 'run':
        return await this.#run(stage, command);
      case 'arg': {
        const args = command.args.map(({ name, value }) => {
          return { name: expand(name), value: value === null ? null : expand(value) };
        });
        for (const { name, value } of args) this.#args.add(name, value);
        const text = args.map(({ name, value }) => (value === null ? name : `${name}=${value}`)).join(' ');
        return await this.#commit(stage, ` ARG ${text}`);
      }
      case 'maintainer':
        stage.maintainer = command.value;
        return await this.#commit(stage, ` MAINTAINER ${command.value}`);
      default: {
        const { config, comment, note } = configStep(stage, command, expand);
        stage.config = config;
        if (note !== undefined) this.transcript.say({ stream: note });
        if (command.kind === 'cmd') stage.hasCmd = command.words.length > 0;
        return await this.#commit(stage, comment);
      }
    }
  }

  /** The variables of the image count before build arguments of the same name. */
  #variablesOf({ config }: Stage): Map<string, string> {
    const variables = this.#args.values();
    for (const variable of config.Env ?? []) {
      const equals = variable.indexOf('=');
      if (equals > 0) variables.set(variable.slice(0, equals), variable.slice(equals + 1));
    }
    return variables;
  }

  #expander(variables: ReadonlyMap<string, string>): (word: string) => string {
    return (word) => {
      try {
        return substitute(word, variables, this.plan.dockerfile.escapeChar);
      } catch (error) {
        if (error instanceof SubstitutionError) {
          throw new BuildError(400, `failed to process ${JSON.stringify(word)}: ${error.message}`);
        }
        throw error;
      }
    };
  }

  /** A step that changes the config only; the working directory is made where it is missing, as a container has it. */
  async #commit(stage: Stage, comment: string): Promise<void> {
    const createdBy = `${stage.shell.join(' ')} #(nop) ${comment}`;
    if (await this.#reuse(stage, createdBy)) return;
    const container = randomBytes(6).toString('hex');
    this.transcript.running(container);
    await this.#make(stage, createdBy, await this.#workingDirectory(stage));
    this.transcript.removed(container);
  }

  async #workingDirectory(stage: Stage): Promise<NewLayer | null> {
    const path = stage.config.WorkingDir ?? '';
    const state = `${path} ${stage.image.diffIds.join(' ')}`;
    if (path === '' || path === '/' || state === stage.checkedLayers) return null;
    const layer = new NewLayer((await this.store.filesOf(stage.image)).tree);
    layer.makeDirectories(layer.tree.resolve(path), null, this.#nowMs());
    stage.checkedLayers = state;
    return layer;
  }

  async #copy(stage: Stage, command: Copy, expand: (word: string) => string): Promise<void> {
    const verb = command.kind.toUpperCase();
    const destination = expand(command.destination);
    const files = command.from === null ? this.plan.context : await this.#filesFrom(command.from);
    const wanted = { ...command, sources: command.sources.map(expand), destination };
    const sources = await this.#sourcesOf(files, wanted).catch((error: unknown) => {
      throw error instanceof BuildError ? new BuildError(error.status, `${verb} failed: ${error.message}`) : error;
    });
    if (sources.length === 0) throw new BuildError(400, `${verb} failed: no source files were specified`);
    if (sources.length > 1 && !destination.endsWith('/')) {
      const rule = 'the destination must be a directory and end with a /';
      throw new BuildError(400, `When using ${verb} with more than one source file, ${rule}`);
    }
    const chown = command.chown === null ? null : expand(command.chown) || null;
    const flags = `${chown === null ? '' : `--chown=${chown}`}${command.chmod === null ? '' : `--chmod=${command.chmod}`}`;
    const createdBy = `${stage.shell.join(' ')} #(nop) ${verb} ${flags}${hashOfAll(sources)} in ${destination} `;
    if (await this.#reuse(stage, createdBy)) return;
    const image = await this.store.filesOf(stage.image);
    const layer = new NewLayer(image.tree);
    const keepsOwners = chown === null && command.from !== null;
    const owner = chown === null ? { uid: 0, gid: 0 } : await findChownOwner(image, chown);
    const options = { owner: keepsOwners ? null : owner, mode: parseMode(command.chmod), nowMs: this.#nowMs() };
    const path = absolute(destination, stage.config.WorkingDir ?? '');
    for (const source of sources) {
      const isFile = source.found.entry.type === 'file';
      const mayUnpack = command.kind === 'add' && isFile && !source.keepPacked;
      const archive = mayUnpack ? await readArchive(source.files.sourceOf(source.found)) : null;
      try {
        if (archive === null) layer.copy(source, path, options);
        else layer.unpack(archive, path, options.nowMs);
      } catch (error) {
        throw error instanceof BuildError ? new BuildError(400, `failed to copy files: ${error.message}`) : error;
      }
    }
    await this.#make(stage, createdBy, layer);
  }

  async #sourcesOf(files: FileTree, command: Copy): Promise<CopySource[]> {
    const sources: CopySource[] = [];
    for (const name of command.sources) {
      if (!isUrl(name)) {
        if (command.checksum !== null) throw new BuildError(400, "checksum can't be specified for non-HTTP(S) sources");
        sources.push(...findSources(files, name));
        continue;
      }
      if (command.kind === 'copy') throw new BuildError(400, "source can't be a URL for COPY");
      const wish = {
        url: name,
        destination: command.destination,
        checksum: command.checksum,
        reach: this.parts.reach,
      };
      const say = this.transcript.say.bind(this.transcript);
      sources.push(await fetchRemote(this.parts.content, this.store.lease, wish, say, this.signal));
    }
    return sources;
  }

  async #filesFrom(from: string): Promise<FileTree> {
    const stage = findStage(this.#done, from);
    if (stage !== undefined) return this.store.filesOf(stage.image);
    try {
      this.#refuseNoStage(from);
      return await this.store.filesOf(await this.#bases.find(from, this.plan.request.platform));
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      throw new BuildError(error.status, `invalid from flag value ${from}: ${error.message}`);
    }
  }

  /** What is written as a stage is never looked for elsewhere. */
  #refuseNoStage(from: string): void {
    if (/^\d+$/.test(from)) {
      const isCurrent = Number(from) === this.#done.length;
      throw new BuildError(400, isCurrent ? 'refers to current build stage' : 'index out of bounds');
    }
    if (from.toLowerCase() === 'scratch') throw new BuildError(400, "'scratch' is a reserved name");
  }

  async #run(stage: Stage, command: Extract<Command, { kind: 'run' }>): Promise<void> {
    const { runner } = this.parts;
    if (runner === null) throw runRefused(`line ${command.line}`);
    const words = command.isShell ? [...stage.shell, ...command.words] : command.words;
    const args = [...this.#args.values()].map(([name, value]) => `${name}=${value}`).sort();
    const createdBy = [...(args.length > 0 ? [`|${args.length}`, ...args] : []), ...words].join(' ');
    if (await this.#reuse(stage, createdBy)) return;
    const container = randomBytes(6).toString('hex');
    this.transcript.running(container);
    const result = await runner.run({
      command: words,
      config: { ...stage.config, Env: [...(stage.config.Env ?? []), ...args] },
      platform: stage.image.platform,
      layers: stage.image.layers,
      print: (text) => this.transcript.say({ stream: text }),
      signal: this.signal,
    });
    if (result.exitCode !== 0) throw commandFailed(words, result);
    const layer = result.layer === null ? null : await this.store.storeTar(result.layer, this.signal);
    stage.image = await this.store.createImage(stage.image, { ...this.#step(stage, createdBy), layer });
    this.transcript.removed(container);
  }

  async #reuse(stage: Stage, createdBy: string): Promise<boolean> {
    if (stage.isCacheLost) return false;
    const cached = await this.store.findCached(stage.image, this.#step(stage, createdBy), this.plan.request.epoch);
    if (cached === null) {
      stage.isCacheLost = true;
      return false;
    }
    this.transcript.usingCache();
    stage.image = cached;
    return true;
  }

  async #make(stage: Stage, createdBy: string, changes: NewLayer | null): Promise<void> {
    const latestMs = this.plan.request.epoch?.getTime() ?? Number.POSITIVE_INFINITY;
    const layer = changes === null ? null : await this.store.storeLayer(changes, latestMs, this.signal);
    stage.image = await this.store.createImage(stage.image, { ...this.#step(stage, createdBy), layer });
  }

  #step({ config, maintainer }: Stage, createdBy: string) {
    return { config, createdBy, author: maintainer, created: new Date(this.#nowMs()) };
  }

  async #findBase(instructions: StageInstructions): Promise<StageImage> {
    const { name, platform } = this.#baseName(instructions);
    const stage = findStage(this.#done, name);
    if (stage !== undefined) return stage.image;
    if (name.toLowerCase() === 'scratch') return scratchImage(platform ?? defaultPlatform);
    return this.#bases.find(name, platform);
  }

  #baseName({ base, platform }: StageInstructions): { name: string; platform: Platform | null } {
    const expand = this.#expander(this.#args.metaValues());
    const name = expand(base);
    if (name === '') throw new BuildError(400, `base name (${base}) should not be blank`);
    const wanted = platform === null ? '' : expand(platform);
    return { name, platform: wanted === '' ? this.plan.request.platform : parsePlatform(wanted.toLowerCase()) };
  }

  async #tag(id: Digest): Promise<void> {
    for (const target of this.plan.request.tags) {
      await tagImage(this.parts.content, { source: id, target });
      this.transcript.tagged(familiarReference(target));
    }
  }

  #nowMs(): number {
    return this.plan.request.epoch?.getTime() ?? Date.now();
  }
}

/** What a Dockerfile with RUN is told; `where` names the instruction. */
export function runRefused(where: string): BuildError {
  const instead =
    'bring what it would make with COPY or ADD, or build where containers run and pull, load or import the image here';
  return new BuildError(501, `${where}: RUN needs a container runtime, which Entrepot does not have: ${instead}`);
}

function refuseRunTriggers(triggers: readonly string[]): void {
  const run = triggers.find((trigger) => parseTrigger(trigger).kind === 'run');
  if (run !== undefined) throw runRefused(`ONBUILD trigger "${run}"`);
}

function parseTrigger(trigger: string): Command {
  return parseCommand(readTrigger(trigger), '\\');
}

/** What a stage leaves to whoever builds on it. */
function triggersOf({ commands }: StageInstructions): string[] {
  return commands.flatMap((command) => (command.kind === 'onbuild' ? command.trigger : []));
}

/** By its name or its number, among those before. */
function findStage<T extends { name: string | null }>(stages: readonly T[], name: string): T | undefined {
  const named = stages.find((stage) => stage.name === name.toLowerCase());
  return named ?? (/^\d{1,6}$/.test(name) ? stages[Number(name)] : undefined);
}

function commandFailed(words: readonly string[], { exitCode }: RunResult): BuildError {
  return new BuildError(500, `The command '${words.join(' ')}' returned a non-zero code: ${exitCode}`, exitCode);
}

/** Relative to the working directory; a closing slash stays. */
function absolute(destination: string, workingDirectory: string): string {
  return destination.startsWith('/') ? destination : `${workingDirectory}/${destination}`;
}

function parseMode(text: string | null): number | null {
  if (text === null) return null;
  if (!/^[0-7]{1,5}$/.test(text))
    throw new BuildError(400, `invalid chmod parameter: '${text}'. it should be octal string`);
  return Number.parseInt(text, 8) & 0o7777;
}

/** What BuildKit sets by itself; of use in FROM. */
function automaticArgs(platform: Platform): [string, string][] {
  const of = (prefix: string, { os, architecture, variant }: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform({ os, architecture, variant })],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant ?? ''],
  ];
  return [...of('TARGET', platform), ...of('BUILD', defaultPlatform)];
}
