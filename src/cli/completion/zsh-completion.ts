import { allCommands, modelExtensions, type CommandShape, type FlagShape } from "./command-shape.ts";

/** For zsh's own completion system, as a file of `fpath` named _fewbit, or sourced after `compinit`. */
export function zshCompletion(program: CommandShape): string {
  return `#compdef fewbit
# Completion of fewbit for zsh: source <(fewbit completion zsh)
_fewbit_models() {
  _files -g '*.(${modelExtensions.join("|")})(-.)'
}

${allCommands(program).map(commandFunction).join("\n")}
if [[ $funcstack[1] == _fewbit ]]; then _fewbit "$@"
else compdef _fewbit fewbit
fi
`;
}

/** "/eval/logits" → "_fewbit_eval_logits". */
function functionName(path: string): string {
  return `_fewbit${path.replaceAll("/", "_")}`;
}

function commandFunction({ path, flags, subcommands, argument }: CommandShape): string {
  const specs = flags.map(flagSpec);
  if (argument !== undefined) specs.push(quoted(`1${valueSpec(argument)}`), "'*:text: '");
  if (subcommands.length === 0)
    return `${functionName(path)}() {
  _arguments -s -S \\
    ${specs.join(" \\\n    ")}
}
`;
  return `${functionName(path)}() {
  local curcontext="$curcontext" state line
  local -a commands=(
    ${subcommands.map(({ name, summary }) => quoted(`${name}:${summary.replaceAll(":", "\\:")}`)).join("\n    ")}
  )
  _arguments -C -s -S \\
    ${specs.join(" \\\n    ")} \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
        ${subcommands.map((command) => `${command.name}) ${functionName(command.path)} ;;`).join("\n        ")}
      esac ;;
  esac
}
`;
}

/** Both names of a flag, which may be given more than once (--stop). */
function flagSpec({ names, description, value }: FlagShape): string {
  const text = `[${description.replace(/[[\]\\:]/g, "\\$&")}]${valueSpec(value)}`;
  // "=": the value may follow in the same word.
  const end = (name: string): string => (value !== undefined && name.startsWith("--") ? "=" : "");
  return names.map((name) => quoted(`*${name}${end(name)}${text}`)).join(" ");
}

function valueSpec(value: FlagShape["value"]): string {
  switch (value) {
    case undefined:
      return "";
    case "model":
      return ":model:_fewbit_models";
    case "file":
      return ":file:_files";
    case "text":
      return ":value: ";
    default:
      return `:value:(${value.choices.join(" ")})`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
