/** What a request is about; `storage` and `token` are the servers beside the registry. */
export type RequestKind = 'ping' | 'manifest' | 'blob' | 'tags' | 'referrers' | 'token' | 'storage' | 'other';

/** Which requests a fault hits: those that fit everything given here. */
export interface FaultMatch {
  on?: RequestKind;
  method?: string;
  /** Path of the repository, `library/redis`. */
  repository?: string;
  /** Tag or digest in the address. */
  reference?: string;
  /** How many requests are hit before the fault wears off; for ever when not given. */
  times?: number;
  /** How many fitting requests pass unharmed first. */
  skip?: number;
}

/** What goes wrong. Several at once are fine: a slow body that is cut, a status with a header. */
export interface Fault {
  /** Answers with this status and an error body instead of the content. */
  status?: number;
  /** The body that goes with `status`; an object is sent as JSON. */
  body?: string | object;
  /** Added to the answer or replacing its own; null takes one away. Names in lower case. */
  headers?: Record<string, string | null>;
  /** Before the head. */
  delayMs?: number;
  /** Takes the request and says nothing. */
  neverAnswer?: boolean;
  /** Closes the connection after so many bytes of the body. */
  cutAfterBytes?: number;
  /** Sends so many bytes of the body and then nothing, with the connection open. */
  stallAfterBytes?: number;
  bytesPerSecond?: number;
  /** The right length, other content. */
  wrongBytes?: boolean;
  /** A body without announced length that ends properly, but this much too early. */
  shortByBytes?: number;
  /** A body without announced length that does not stop at its end. */
  endless?: boolean;
  /** Sends the whole content whatever range was asked for. */
  ignoreRange?: boolean;
}

interface Rule {
  match: FaultMatch;
  fault: Fault;
  seen: number;
}

/** The request as the rules see it. */
export interface MatchedRequest {
  kind: RequestKind;
  method: string;
  repository?: string;
  reference?: string;
}

/** The faults of one upstream. Of several rules that fit, the one added last counts. */
export class Faults {
  #rules: Rule[] = [];

  /** Returns the function that takes it back. */
  add(match: FaultMatch, fault: Fault): () => void {
    const rule = { match, fault, seen: 0 };
    this.#rules.unshift(rule);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault for this request, which is counted by asking. */
  take(request: MatchedRequest): Fault {
    for (const rule of this.#rules) {
      if (fits(rule.match, request) && isDue(rule)) return rule.fault;
    }
    return {};
  }
}

function fits(match: FaultMatch, request: MatchedRequest): boolean {
  return (
    (match.on === undefined || match.on === request.kind) &&
    (match.method === undefined || match.method === request.method) &&
    (match.repository === undefined || match.repository === request.repository) &&
    (match.reference === undefined || match.reference === request.reference)
  );
}

function isDue(rule: Rule): boolean {
  const { skip = 0, times = Number.POSITIVE_INFINITY } = rule.match;
  rule.seen += 1;
  return rule.seen > skip && rule.seen <= skip + times;
}
