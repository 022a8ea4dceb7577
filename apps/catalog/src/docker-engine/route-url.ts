// Image names travel unescaped in the path (`/v1.50/images/REG/demo/base:1.0/json`), but the router matches a name in
// the middle of a path only when it is one segment. So the version prefix goes and a name's slashes become %2F before
// routing; the router decodes them once.

import { splitVersion } from './api-version.js';

interface GreedyRoute {
  methods: readonly string[];
  /** Groups: what comes before the name, the name, what comes after it. */
  pattern: RegExp;
}

const containerActions =
  'json|archive|attach|attach/ws|changes|exec|export|kill|logs|pause|rename|resize|restart|start|stats|stop|top|unpause|update|wait';

const greedyRoutes: readonly GreedyRoute[] = [
  { methods: ['GET'], pattern: /^(\/images\/)(.+)(\/(?:json|history|get))$/ },
  { methods: ['POST'], pattern: /^(\/images\/)(.+)(\/(?:tag|push))$/ },
  { methods: ['DELETE'], pattern: /^(\/(?:images|containers|networks|volumes|plugins)\/)(.+)()$/ },
  { methods: ['GET'], pattern: /^(\/distribution\/)(.+)(\/json)$/ },
  { methods: ['GET', 'HEAD', 'POST', 'PUT'], pattern: new RegExp(`^(/containers/)(.+)(/(?:${containerActions}))$`) },
  { methods: ['GET', 'POST'], pattern: /^(\/plugins\/)(.+)(\/(?:json|enable|disable|push|upgrade|set))$/ },
  { methods: ['GET', 'PUT'], pattern: /^(\/(?:networks|volumes)\/)(.+)()$/ },
  // The platform API takes them unescaped too, and its page with or without a slash.
  { methods: ['GET'], pattern: /^(\/api\/v1)()\/()$/ },
  // What `docker login` asks a registry for.
  { methods: ['GET'], pattern: /^(\/v2)()\/()$/ },
  {
    methods: ['GET'],
    pattern: /^(\/api\/v1\/images\/)(.+)(\/(?:history|layers|tree|stat|cat|download|compare|waste))$/,
  },
  { methods: ['POST'], pattern: /^(\/api\/v1\/images\/)(.+)(\/tags)$/ },
  { methods: ['GET', 'DELETE'], pattern: /^(\/api\/v1\/images\/)(.+)()$/ },
];

/** The URL that is routed for a request line; query untouched. */
export function routeUrl(method: string, url: string): string {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  return foldName(method, splitVersion(path).rest) + (mark < 0 ? '' : url.slice(mark));
}

function foldName(method: string, path: string): string {
  for (const { methods, pattern } of greedyRoutes) {
    const match = methods.includes(method) ? pattern.exec(path) : null;
    if (match) return `${match[1]}${match[2]?.replaceAll('/', '%2F')}${match[3]}`;
  }
  return path;
}
