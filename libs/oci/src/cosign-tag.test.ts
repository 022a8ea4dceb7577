import { cosignTagOf, cosignTags, subjectOfCosignTag } from './cosign-tag.js';
import type { Digest } from './digest.js';

const hex = 'ab'.repeat(32);
const subject: Digest = `sha256:${hex}`;

it('names what cosign keeps beside a manifest', () => {
  expect(cosignTags(subject)).toEqual([`sha256-${hex}.sig`, `sha256-${hex}.att`, `sha256-${hex}.sbom`]);
});

it.each([
  [`sha256-${hex}.sig`, subject],
  [`sha256-${hex}.sbom`, subject],
  [`sha256-${hex}.txt`, null],
  [`sha256-${hex}`, null],
  ['sha256-ab.sig', null],
  ['1.0', null],
])('subjectOfCosignTag(%s) is %s', (tag, expected) => {
  expect(subjectOfCosignTag(tag)).toBe(expected);
});

it.each([
  ['application/vnd.dev.cosign.simplesigning.v1+json', 'sig'],
  ['application/vnd.dsse.envelope.v1+json', 'att'],
  ['text/spdx+json', 'sbom'],
  ['application/vnd.cyclonedx+json', 'sbom'],
])('the tag of %s ends in .%s', (mediaType, suffix) => {
  expect(cosignTagOf(subject, { layers: [{ mediaType, digest: subject, sizeBytes: 1 }] })).toBe(
    `sha256-${hex}.${suffix}`,
  );
});
