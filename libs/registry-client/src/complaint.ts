import { z } from 'zod';

/** What a registry says is wrong, from the body of an error. */
export interface Complaint {
  /** `MANIFEST_UNKNOWN`, … */
  code: string;
  message: string;
  /** Docker's text for it: the code in lower case, and the message unless it says nothing new. */
  text: string;
  /** Whether it says more than its code; Docker makes different errors of the two. */
  isExplained: boolean;
}

const maxTextLength = 300;

const bodySchema = z.object({
  errors: z
    .array(
      z.object({ code: z.string().catch('UNKNOWN'), message: z.string().catch(''), detail: z.unknown().optional() }),
    )
    .optional()
    .catch(undefined),
  details: z.string().optional().catch(undefined),
});

/** The first error of the body, or what its status alone means. */
export function parseComplaint(body: Buffer, status: number): Complaint {
  const parsed = bodySchema.safeParse(parseJson(body)).data ?? {};
  const [first] = parsed.errors ?? [];
  if (first !== undefined)
    return complaint(first.code, first.message, first.detail !== undefined && first.detail !== null);
  const code = codesByStatus[status] ?? 'UNKNOWN';
  return complaint(code, parsed.details ?? '', parsed.details !== undefined);
}

/** A complaint in the usual words of the specification, for those who do not complain themselves. */
export function complaint(code: string, message = '', hasDetail = true): Complaint {
  const name = printable(code);
  const usual = usualMessages[name];
  const said = printable(message) || usual || '';
  const isExplained = hasDetail || (printable(message) !== '' && said !== usual);
  const plainName = name.toLowerCase().replaceAll('_', ' ');
  return {
    code: name,
    message: said,
    isExplained,
    text: isExplained && said !== '' ? `${plainName}: ${said}` : plainName,
  };
}

const codesByStatus: Record<number, string> = { 401: 'UNAUTHORIZED', 403: 'DENIED', 429: 'TOOMANYREQUESTS' };

const usualMessages: Record<string, string> = {
  BLOB_UNKNOWN: 'blob unknown to registry',
  DENIED: 'requested access to the resource is denied',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_UNKNOWN: 'repository name not known to registry',
  TOOMANYREQUESTS: 'too many requests',
  UNAUTHORIZED: 'authentication required',
  UNAVAILABLE: 'service unavailable',
  UNKNOWN: 'unknown error',
};

/** Text of strangers ends up on terminals. */
function printable(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return line.length > maxTextLength ? `${line.slice(0, maxTextLength)}…` : line;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}
