// The page that shows the API and lets one try it. It is one file without anything from elsewhere, so that it works
// offline; everything it shows comes from the OpenAPI document beside it.
import { createHash } from 'node:crypto';

const style = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; color: #222; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
header input { flex: 1; min-width: 16rem; }
h2 { margin: 2rem 0 .5rem; text-transform: capitalize; border-bottom: 1px solid #ccc; }
details { border: 1px solid #ddd; border-radius: 4px; margin: .4rem 0; padding: .3rem .6rem; }
summary { cursor: pointer; }
code, pre, textarea, input { font: 13px/1.45 ui-monospace, monospace; }
.method { display: inline-block; min-width: 4.2rem; font-weight: 600; }
label { display: grid; grid-template-columns: 11rem 1fr; gap: .6rem; margin: .25rem 0; }
label small { grid-column: 2; color: #666; }
textarea { width: 100%; min-height: 7rem; box-sizing: border-box; }
pre { background: #f5f5f3; padding: .6rem; overflow: auto; max-height: 28rem; white-space: pre-wrap; }
@media (prefers-color-scheme: dark) { body { background: #191918; color: #ddd; } pre { background: #262624; } }
`;

const script = `
const make = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
};
const api = await (await fetch('/api/v1/openapi.json')).json();
const resolve = (schema) => schema?.$ref
  ? resolve(api.components.schemas[schema.$ref.split('/').pop()]) : schema;
const sample = (schema, depth = 0) => {
  const s = resolve(schema) ?? {};
  if (s.default !== undefined) return s.default;
  if (s.const !== undefined) return s.const;
  if (s.enum) return s.enum[0];
  if (s.anyOf ?? s.oneOf) return sample((s.anyOf ?? s.oneOf)[0], depth);
  if (s.type === 'object') return Object.fromEntries(Object.entries(depth > 4 ? {} : s.properties ?? {})
    .filter(([name]) => s.required?.includes(name)).map(([name, inner]) => [name, sample(inner, depth + 1)]));
  if (s.type === 'array') return [];
  return { string: '', integer: 0, number: 0, boolean: false }[s.type] ?? null;
};
const token = document.querySelector('#token');
const request = async (method, path, operation, fields, body, out) => {
  const search = new URLSearchParams();
  const headers = {};
  let url = path;
  for (const [parameter, input] of fields) {
    if (input.value === '') continue;
    if (parameter.in === 'path') url = url.replace('{' + parameter.name + '}', encodeURIComponent(input.value));
    else if (parameter.in === 'header') headers[parameter.name] = input.value;
    else for (const one of parameter.schema.type === 'array' ? input.value.split(',') : [input.value]) search.append(parameter.name, one);
  }
  if (token.value) headers.authorization = 'Bearer ' + token.value;
  if (body?.value) headers['content-type'] = 'application/json';
  const query = search.toString();
  out.textContent = '…';
  const answer = await fetch('/api/v1' + url + (query && '?' + query), { method, headers, body: body?.value || undefined });
  out.textContent = answer.status + ' ' + answer.statusText + '\\n';
  if (!/json|text/.test(answer.headers.get('content-type') ?? '')) return out.append('(bytes)');
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part; reader && !(part = await reader.read()).done;) {
    text += part.value;
    if (operation.events) out.append(part.value);
  }
  if (operation.events) return;
  try { out.append(JSON.stringify(JSON.parse(text), null, 2)); } catch { out.append(text); }
};
const show = (path, method, operation) => {
  const fields = (operation.parameters ?? []).map((parameter) => [parameter, make('input', { required: parameter.required })]);
  const json = operation.requestBody?.content['application/json'];
  const body = json && make('textarea', { value: JSON.stringify(sample(json.schema), null, 2) });
  const out = make('pre', { hidden: true });
  operation.events = Object.values(operation.responses).some((answer) => answer.content?.['text/event-stream']);
  const send = make('button', { textContent: 'Send', type: 'submit' });
  const form = make('form', {}, ...fields.map(([parameter, input]) => make('label', {},
    make('span', { textContent: parameter.name + (parameter.required ? ' *' : '') }), input,
    make('small', { textContent: parameter.description ?? '' }))), ...(body ? [body] : []), send);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    out.hidden = false;
    request(method.toUpperCase(), path, operation, fields, body, out)
      .catch((error) => { out.textContent = String(error); });
  });
  const answer = Object.values(operation.responses)[0]?.content;
  const schema = answer && resolve(Object.values(answer)[0].schema);
  return make('details', {},
    make('summary', {}, make('span', { className: 'method', textContent: method.toUpperCase() }),
      make('code', { textContent: path }), ' ' + operation.summary),
    make('p', { textContent: operation.description }), form, out,
    ...(schema ? [make('details', {}, make('summary', { textContent: 'Schema of the answer' }),
      make('pre', { textContent: JSON.stringify(schema, null, 2) }))] : []));
};
const groups = new Map();
for (const [path, methods] of Object.entries(api.paths))
  for (const [method, operation] of Object.entries(methods))
    groups.set(operation.tags[0], [...(groups.get(operation.tags[0]) ?? []), show(path, method, operation)]);
document.querySelector('#version').textContent = api.info.version;
for (const [tag, items] of groups) document.querySelector('main').append(make('h2', { textContent: tag }), ...items);
`;

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What the page may do: run its own script, and talk to where it came from. */
export const referencePagePolicy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const referencePage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Entrepot API</title>
<style>${style}</style>
<header><h1>Entrepot API <small id="version"></small></h1><a href="/api/v1/openapi.json">openapi.json</a>
<input id="token" type="password" placeholder="Token, where one is needed" autocomplete="off"></header>
<main></main>
<script type="module">${script}</script>
</html>
`;
