import type { CommandWords } from './words.js';

/** Shells that a script can be made for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** A completion script for subcommands and flags. Names of images are asked from the server by `entrepot images`. */
export function completionScript(shell: Shell, program: string, words: readonly CommandWords[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(program, words);
    case 'zsh':
      return `#compdef ${program}\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(program, words)}`;
    case 'fish':
      return fishScript(program, words);
  }
}

/** Commands whose arguments are images that are here. */
const takesImages = ['inspect', 'history', 'rmi', 'save', 'tag', 'layers', 'ls', 'cat', 'diff', 'waste'];

function bashScript(program: string, words: readonly CommandWords[]): string {
  const cases = words.map(({ path, subcommands, flags }) => {
    const candidates = [...subcommands, ...flags].map(({ name }) => name).join(' ');
    return `    '${path}') words='${candidates}' ;;`;
  });
  // Of a flag that takes anything the shell offers files.
  const values = words.flatMap(({ path, flags }) =>
    flags.flatMap((flag) =>
      flag.values === null
        ? []
        : [`    '${`${path} ${flag.name}`.trim()}') words='${flag.values.join(' ')}'; flags= ;;`],
    ),
  );
  const known = words.map(({ path }) => `'${path}'`).join(' ');
  const images = takesImages.map((name) => `'${name}'`).join('|');
  return `_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' next word words='' flags=1
  local -a known=(${known})
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    next="\${path:+$path }$word"
    for candidate in "\${known[@]}"; do
      if [[ $candidate == "$next" ]]; then path=$next; break; fi
    done
  done
  case "$path" in
${cases.join('\n')}
  esac
  case "\${path:+$path }\${COMP_WORDS[COMP_CWORD-1]}" in
${values.join('\n')}
  esac
  if [[ $flags && $current != -* ]]; then
    case "$path" in
    ${images}) words="$words $(${program} images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -v '<none>')" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$current"
}
complete -o default -F _${program} ${program}
`;
}

function fishScript(program: string, words: readonly CommandWords[]): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = words.flatMap(({ path, subcommands, flags }) => {
    const names = subcommands.map(({ name }) => name).join(' ');
    const seen = path.split(' ').filter(Boolean);
    const conditions = [
      ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(names ? [`not __fish_seen_subcommand_from ${names}`] : []),
    ];
    const when = conditions.length > 0 ? ` -n ${quote(conditions.join('; and '))}` : '';
    return [
      ...subcommands.map(
        ({ name, description }) => `complete -c ${program} -f${when} -a ${name} -d ${quote(description)}`,
      ),
      ...flags.map(({ name, description, values }) => {
        const flag = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
        const value = values === null ? '' : values.length === 0 ? ' -r' : ` -x -a ${quote(values.join(' '))}`;
        return `complete -c ${program}${when} ${flag}${value} -d ${quote(description)}`;
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}
