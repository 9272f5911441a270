import { allCommands, modelExtensions, type CommandShape, type ShellValue } from "./command-shape.ts";

/** For bash 3.2 and newer, with or without the package bash-completion. */
export function bashCompletion(program: CommandShape): string {
  const commands = allCommands(program);
  return `# Completion of fewbit for bash: eval "$(fewbit completion bash)"
_fewbit_reply() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <("$@")
}

_fewbit_models() {
  compopt -o filenames 2>/dev/null
  _fewbit_reply compgen -d -- "$1"
${modelExtensions.map((extension) => `  _fewbit_reply compgen -f -X '!*.${extension}' -- "$1"`).join("\n")}
}

_fewbit() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= i
  # "--flag=value" comes as three words.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path/\${COMP_WORDS[i]}" in
      ${words(commands.slice(1).map(({ path }) => path))}) path="$path/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $prev" in
${commands.flatMap(valueCases).join("\n")}
  esac
  case "$path" in
${commands.map(commandCase).join("\n")}
  esac
}
complete -F _fewbit fewbit
`;
}

/** What may stand behind a flag. */
function valueCases({ path, flags }: CommandShape): readonly string[] {
  return flags.flatMap(({ names, value }) => {
    if (value === undefined) return [];
    const pattern = words(names.map((name) => `${path} ${name}`));
    return [`    ${pattern}) ${reply(value)}return ;;`];
  });
}

function reply(value: ShellValue): string {
  switch (value) {
    case "model":
      return `_fewbit_models "$cur"; `;
    case "file":
      return `compopt -o filenames 2>/dev/null; _fewbit_reply compgen -f -- "$cur"; `;
    case "text":
      return "";
    default:
      return `_fewbit_reply compgen -W '${value.choices.join(" ")}' -- "$cur"; `;
  }
}

/** What else may stand at the place of the cursor: flags where a dash does, else subcommands or an argument. */
function commandCase({ path, flags, subcommands, argument }: CommandShape): string {
  const names = { choices: subcommands.map(({ name }) => name) };
  return `    '${path}')
      if [[ $cur == -* ]]; then ${reply({ choices: flags.flatMap((flag) => flag.names) })}
      else ${reply(argument ?? names) || ":"}
      fi ;;`;
}

/** Patterns of a case, each as it is. */
function words(patterns: readonly string[]): string {
  return patterns.map((pattern) => `'${pattern}'`).join("|");
}
