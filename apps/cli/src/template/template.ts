/**
 * Templates of Go's `text/template` as `docker --format` takes them (https://pkg.go.dev/text/template): fields,
 * pipelines, variables, if/with/range, docker's functions. Nested template definitions and methods are left out.
 */

import { formatGo } from './format.js';
import { functions, isTrue } from './functions.js';
import { TemplateError } from './lexer.js';
import { type Command, type Node, type Operand, type Pipeline, parseTemplate } from './parser.js';

/** A template that was read and can be carried out any number of times. */
export interface Template {
  /** The top-level fields it names, in order of appearance: what a table's header is made of. */
  readonly fields: readonly string[];
  /** @throws {TemplateError} a field that the value has not, a function that does not fit */
  execute(value: unknown): string;
}

/**
 * @throws {TemplateError} the text is not a template; says where
 */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source);
  for (const name of calledNames(nodes)) {
    if (!(name in functions) && name !== 'and' && name !== 'or')
      throw new TemplateError(`function "${name}" not defined`);
  }
  return {
    fields: [...new Set(topFields(nodes))],
    execute: (value) => new Execution(value).run(nodes),
  };
}

type Scope = Map<string, unknown>;

class Leave {
  constructor(readonly kind: 'break' | 'continue') {}
}

class Execution {
  #output = '';
  #scopes: Scope[];

  constructor(root: unknown) {
    this.#scopes = [new Map([['$', root]])];
  }

  run(nodes: Node[]): string {
    this.#walk(nodes, this.#scopes[0]?.get('$'));
    return this.#output;
  }

  #walk(nodes: Node[], dot: unknown): void {
    this.#scopes.push(new Map());
    try {
      for (const node of nodes) this.#step(node, dot);
    } finally {
      this.#scopes.pop();
    }
  }

  #step(node: Node, dot: unknown): void {
    switch (node.kind) {
      case 'text':
        this.#output += node.text;
        return;
      case 'print': {
        const value = this.#evaluate(node.pipeline, dot);
        if (node.pipeline.declares.length === 0) this.#output += formatGo(value);
        return;
      }
      case 'break':
      case 'continue':
        throw new Leave(node.kind);
      case 'range':
        this.#range(node, dot);
        return;
      default: {
        this.#scopes.push(new Map());
        const value = this.#evaluate(node.pipeline, dot);
        if (isTrue(value)) this.#walk(node.body, node.kind === 'with' ? value : dot);
        else this.#walk(node.otherwise, dot);
        this.#scopes.pop();
      }
    }
  }

  #range(node: Node & { kind: 'if' | 'with' | 'range' }, dot: unknown): void {
    const { declares, commands } = node.pipeline;
    const entries = entriesOf(this.#evaluate({ declares: [], assigns: false, commands }, dot));
    if (entries.length === 0) this.#walk(node.otherwise, dot);
    for (const [key, value] of entries) {
      const names: [string, unknown][] =
        declares.length === 2
          ? [
              [declares[0] ?? '', key],
              [declares[1] ?? '', value],
            ]
          : declares.map((name) => [name, value]);
      this.#scopes.push(new Map(names));
      try {
        this.#walk(node.body, value);
      } catch (left) {
        if (!(left instanceof Leave)) throw left;
        if (left.kind === 'break') return;
      } finally {
        this.#scopes.pop();
      }
    }
  }

  #evaluate({ declares, assigns, commands }: Pipeline, dot: unknown): unknown {
    let value: unknown;
    for (const [at, command] of commands.entries()) value = this.#command(command, dot, at > 0 ? [value] : []);
    const [name] = declares;
    if (name) this.#assign(name, value, assigns);
    return value;
  }

  #assign(name: string, value: unknown, existing: boolean): void {
    const scope = existing ? this.#scopes.findLast((inner) => inner.has(name)) : this.#scopes.at(-1);
    if (!scope) throw new TemplateError(`undefined variable "${name}"`);
    scope.set(name, value);
  }

  #command([first, ...rest]: Command, dot: unknown, piped: unknown[]): unknown {
    if (first?.kind !== 'call') {
      if (piped.length > 0) throw new TemplateError("can't give argument to non-function");
      return this.#operand(first as Operand, dot);
    }
    if (first.name === 'and' || first.name === 'or') return this.#shortcut(first.name, rest, dot, piped);
    const args = rest.map((operand) => this.#operand(operand, dot));
    return functions[first.name]?.(...args, ...piped);
  }

  #shortcut(name: 'and' | 'or', operands: Operand[], dot: unknown, piped: unknown[]): unknown {
    let value: unknown;
    for (const operand of operands) {
      value = this.#operand(operand, dot);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'call':
        return this.#command([operand], dot, []);
      case 'pipeline':
        return fieldOf(this.#evaluate(operand.pipeline, dot), operand.fields);
      case 'path':
        return fieldOf(operand.base === '' ? dot : this.#variable(operand.base), operand.fields);
    }
  }

  #variable(name: string): unknown {
    const scope = this.#scopes.findLast((inner) => inner.has(name));
    if (!scope) throw new TemplateError(`undefined variable "${name}"`);
    return scope.get(name);
  }
}

function fieldOf(value: unknown, fields: readonly string[]): unknown {
  return fields.reduce((inner, field) => {
    if (typeof inner !== 'object' || inner === null) {
      throw new TemplateError(`can't evaluate field ${field} in ${inner === null ? 'nil' : typeof inner}`);
    }
    if (!Object.hasOwn(inner, field)) throw new TemplateError(`map has no entry for key "${field}"`);
    return (inner as Record<string, unknown>)[field];
  }, value);
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === 'number') return Array.from({ length: value }, (_, at) => [at, at]);
  if (typeof value === 'object') return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  throw new TemplateError(`range can't iterate over ${formatGo(value)}`);
}

function* pipelinesOf(nodes: readonly Node[]): Generator<Pipeline> {
  for (const node of nodes) {
    if ('pipeline' in node) yield node.pipeline;
    if ('body' in node) yield* pipelinesOf([...node.body, ...node.otherwise]);
  }
}

function* operandsOf(pipeline: Pipeline): Generator<Operand> {
  for (const operand of pipeline.commands.flat()) {
    yield operand;
    if (operand.kind === 'pipeline') yield* operandsOf(operand.pipeline);
  }
}

function calledNames(nodes: readonly Node[]): string[] {
  return [...pipelinesOf(nodes)].flatMap((pipeline) =>
    [...operandsOf(pipeline)].flatMap((operand) => (operand.kind === 'call' ? [operand.name] : [])),
  );
}

function topFields(nodes: readonly Node[]): string[] {
  return [...pipelinesOf(nodes)].flatMap((pipeline) =>
    [...operandsOf(pipeline)].flatMap((operand) =>
      operand.kind === 'path' && operand.base === '' && operand.fields[0] ? [operand.fields[0]] : [],
    ),
  );
}
