import { type Digest, isDigest } from '@entrepot/oci';
import { z } from 'zod';
import type { ArchivePlan } from './segments.js';

const size = z.number().int().nonnegative();

const planSchema = z.object({
  sizeBytes: size,
  etag: z.string(),
  segments: z.array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('bytes'), bytes: z.base64().transform((text) => Buffer.from(text, 'base64')) }),
      z.object({
        kind: z.literal('blob'),
        digest: z.custom<Digest>((text) => isDigest(text as string)),
        sizeBytes: size,
      }),
      z.object({ kind: z.literal('zeros'), sizeBytes: size }),
    ]),
  ),
});

/** A plan as JSON, for the database. */
export function encodePlan(plan: ArchivePlan): unknown {
  const segments = plan.segments.map((segment) =>
    segment.kind === 'bytes' ? { ...segment, bytes: segment.bytes.toString('base64') } : segment,
  );
  return { ...plan, segments };
}

/** The reverse of `encodePlan`. Throws a ZodError for anything else. */
export function decodePlan(json: unknown): ArchivePlan {
  return planSchema.parse(json);
}
