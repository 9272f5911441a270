import { allCommands, type CommandShape, type FlagShape } from "./command-shape.ts";

/** For fish 3 and newer. */
export function fishCompletion(program: CommandShape): string {
  const commands = allCommands(program);
  const paths = commands
    .slice(1)
    .map(({ path }) => quoted(path))
    .join(" ");
  return `# Completion of fewbit for fish: fewbit completion fish | source
function __fewbit_path
    set -l path ''
    for word in (commandline -opc)[2..]
        contains -- $path/$word ${paths}; and set path $path/$word
    end
    echo $path
end

function __fewbit_at
    test (__fewbit_path) = "$argv[1]"
end

complete -c fewbit -f
${commands.flatMap(commandLines).join("\n")}
`;
}

function commandLines({ path, flags, subcommands, argument }: CommandShape): readonly string[] {
  const at = `complete -c fewbit -n ${quoted(`__fewbit_at "${path}"`)}`;
  return [
    ...subcommands.map(({ name, summary }) => `${at} -a ${name} -d ${quoted(summary)}`),
    ...(argument === undefined
      ? []
      : [[at, ...valueWords(argument).filter((word) => word !== "-x" && word !== "-r")].join(" ")]),
    ...flags.map((flag) => `${at} ${flagWords(flag)}`),
  ];
}

function flagWords({ names, description, value }: FlagShape): string {
  const spelled = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...spelled, ...valueWords(value), "-d", quoted(description)].join(" ");
}

function valueWords(value: FlagShape["value"]): readonly string[] {
  switch (value) {
    case undefined:
      return [];
    case "model":
    case "file":
      return ["-r", "-F"];
    case "text":
      return ["-x"];
    default:
      return ["-x", "-a", quoted(value.choices.join(" "))];
  }
}

/** In fish only the quote and the backslash are special within single quotes. */
function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
