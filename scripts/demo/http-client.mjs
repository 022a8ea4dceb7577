// The main job by the same Engine API calls the docker command makes, for machines without it.
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as show from './transcript.mjs';

export class HttpClient {
  name = 'Engine API calls over HTTP (no docker command here)';
  #url;

  constructor(url) {
    this.#url = url;
  }

  async pull(reference) {
    const [image, tag] = splitTag(reference);
    const query = new URLSearchParams({ fromImage: image, tag });
    const answer = await this.#call('POST', `/images/create?${query}`);
    return this.#printMessages(answer);
  }

  async list() {
    const images = await (await this.#call('GET', '/images/json')).json();
    const rows = images.flatMap(({ RepoTags, Id, Size }) =>
      RepoTags.map((tag) => `${tag.padEnd(44)} ${Id.slice(7, 19)}  ${show.megabytes(Size)}`),
    );
    show.output(['IMAGE'.padEnd(44).concat(' ID            SIZE'), ...rows].join('\n'));
  }

  async ids() {
    return (await (await this.#call('GET', '/images/json', { quiet: true })).json()).map((image) => image.Id);
  }

  async inspect(reference) {
    const found = await (await this.#call('GET', `/images/${reference}/json`)).json();
    const facts = { id: found.Id, platform: `${found.Os}/${found.Architecture}`, layers: found.RootFS.Layers.length };
    show.output(`${facts.id} ${facts.platform} ${facts.layers} layers`);
    return facts;
  }

  async history(reference) {
    const steps = await (await this.#call('GET', `/images/${reference}/history`)).json();
    show.output(
      steps.map(({ CreatedBy, Size }) => `${show.megabytes(Size).padStart(9)}  ${CreatedBy.slice(0, 70)}`).join('\n'),
    );
  }

  async save(reference, file) {
    const answer = await this.#call('GET', `/images/get?${new URLSearchParams({ names: reference })}`);
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(file));
  }

  async remove(reference) {
    const lines = await (await this.#call('DELETE', `/images/${reference}`)).json();
    show.output(
      lines
        .map((line) =>
          Object.entries(line)
            .map(([what, name]) => `${what}: ${name}`)
            .join('\n'),
        )
        .join('\n'),
    );
  }

  async load(file) {
    const body = Readable.toWeb(createReadStream(file));
    const answer = await this.#call('POST', '/images/load?quiet=1', {
      body,
      duplex: 'half',
      headers: { 'content-type': 'application/x-tar' },
    });
    return this.#printMessages(answer);
  }

  async #call(method, path, { quiet = false, ...init } = {}) {
    if (!quiet) show.command(`curl -X ${method} ${this.#url}${path}`);
    const answer = await fetch(`${this.#url}${path}`, { method, ...init });
    if (answer.ok) return answer;
    throw new show.StepFailed(`${method} ${path}: ${answer.status} ${(await answer.text()).trim()}`);
  }

  async #printMessages(answer) {
    const lines = (await answer.text()).split('\n').filter((line) => line.trim());
    let text = '';
    for (const message of lines.map((line) => JSON.parse(line))) {
      if (message.errorDetail) throw new show.StepFailed(message.errorDetail.message);
      if (message.progressDetail?.current) continue;
      text += message.stream ?? `${message.id ? `${message.id}: ` : ''}${message.status}\n`;
    }
    show.output(text);
    return text;
  }
}

function splitTag(reference) {
  const colon = reference.lastIndexOf(':');
  return colon > reference.lastIndexOf('/')
    ? [reference.slice(0, colon), reference.slice(colon + 1)]
    : [reference, 'latest'];
}
