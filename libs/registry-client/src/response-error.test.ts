import type { Digest } from '@entrepot/oci';
import { responseError } from './response-error.js';
import type { Subject } from './subject.js';

const repository = 'r.example/team/app';
const manifest: Subject = { kind: 'manifest', repository, path: 'team/app', reference: '1' };
const blob: Subject = { kind: 'blob', repository, path: 'team/app', digest: `sha256:${'0'.repeat(64)}` as Digest };
const tags: Subject = { kind: 'tags', repository, path: 'team/app' };

const errorOf = (subject: Subject, status: number, body: unknown, headers: Record<string, string> = {}) =>
  responseError({
    host: 'r.example',
    subject,
    head: { status, statusText: '', headers },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
const errors = (code: string, message?: string, detail?: unknown) => ({ errors: [{ code, message, detail }] });

describe('an answer that is a refusal', () => {
  it.each<[string, Subject, number, unknown, Record<string, string>, string, boolean]>([
    ['no manifest', manifest, 404, errors('MANIFEST_UNKNOWN'), {}, 'MANIFEST_UNKNOWN', false],
    ['no manifest, in HTML', manifest, 404, '<html>', {}, 'MANIFEST_UNKNOWN', false],
    ['no repository', manifest, 404, errors('NAME_UNKNOWN'), {}, 'NAME_UNKNOWN', false],
    ['no repository for tags', tags, 404, '', {}, 'NAME_UNKNOWN', false],
    ['no blob', blob, 404, errors('BLOB_UNKNOWN'), {}, 'BLOB_UNKNOWN', false],
    ['not for you', manifest, 403, errors('DENIED', 'no'), {}, 'REGISTRY_DENIED', false],
    ['who are you', manifest, 401, errors('UNAUTHORIZED'), {}, 'REGISTRY_UNAUTHORIZED', false],
    [
      'not enough rights',
      manifest,
      401,
      '',
      { 'www-authenticate': 'Bearer realm="x",error="insufficient_scope"' },
      'REGISTRY_DENIED',
      false,
    ],
    ['too many', manifest, 429, '', {}, 'REGISTRY_LIMITED', true],
    ['too many, said in the body', manifest, 403, errors('TOOMANYREQUESTS'), {}, 'REGISTRY_LIMITED', true],
    ['busy until', manifest, 503, '', { 'retry-after': '5' }, 'REGISTRY_LIMITED', true],
    ['busy', manifest, 503, '', {}, 'REGISTRY_FAULT', true],
    ['broken', blob, 500, 'oops', {}, 'REGISTRY_FAULT', true],
    ['too slow', blob, 408, '', {}, 'REGISTRY_FAULT', true],
    ['something else', manifest, 418, '', {}, 'REGISTRY_PROTOCOL', false],
  ])('%s', (_, subject, status, body, headers, code, retryable) => {
    expect(errorOf(subject, status, body, headers)).toMatchObject({ code, retryable, host: 'r.example', status });
  });

  it('keeps control characters and endless texts out of messages', () => {
    const { message, dockerMessage } = errorOf(manifest, 403, errors('DENIED', `a\u001b[31m\n${'x'.repeat(9_000)}`));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
    for (const text of [message, dockerMessage]) expect(text).not.toMatch(/[\u0000-\u001f]/);
    expect(dockerMessage.length).toBeLessThan(1_000);
  });

  it('says for a denial what dockerd says', () => {
    expect(errorOf(manifest, 403, errors('DENIED', 'requested access is denied', [{}])).dockerMessage).toBe(
      "pull access denied for r.example/team/app, repository does not exist or may require 'docker login': denied: requested access is denied",
    );
  });
});
