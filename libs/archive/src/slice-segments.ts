import type { Digest } from '@entrepot/oci';
import { type ArchivePlan, type Segment, segmentBytes } from './segments.js';

/** A part of a segment; of a blob, the bytes from `fromByte` to before `toByte`. */
export type SegmentSlice =
  | { kind: 'bytes'; bytes: Buffer }
  | { kind: 'blob'; digest: Digest; fromByte: number; toByte: number }
  | { kind: 'zeros'; sizeBytes: number };

/** What to send for a Range: the archive's bytes from `fromByte` to before `toByte`, both within its size. */
export function sliceSegments(plan: ArchivePlan, fromByte = 0, toByte = plan.sizeBytes): SegmentSlice[] {
  const slices: SegmentSlice[] = [];
  let start = 0;
  for (const segment of plan.segments) {
    const end = start + segmentBytes(segment);
    const from = Math.max(fromByte, start) - start;
    const to = Math.min(toByte, end) - start;
    if (from < to) slices.push(slice(segment, from, to));
    start = end;
  }
  return slices;
}

function slice(segment: Segment, fromByte: number, toByte: number): SegmentSlice {
  switch (segment.kind) {
    case 'bytes':
      return { kind: 'bytes', bytes: segment.bytes.subarray(fromByte, toByte) };
    case 'blob':
      return { kind: 'blob', digest: segment.digest, fromByte, toByte };
    case 'zeros':
      return { kind: 'zeros', sizeBytes: toByte - fromByte };
  }
}
