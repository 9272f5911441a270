import { Argument, type Command } from "commander";
import { bashCompletion } from "./completion/bash-completion.ts";
import { shapeOf, type CommandShape } from "./completion/command-shape.ts";
import { fishCompletion } from "./completion/fish-completion.ts";
import { zshCompletion } from "./completion/zsh-completion.ts";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const satisfies Readonly<
  Record<string, (program: CommandShape) => string>
>;

const examples = `
Examples:
  eval "$(fewbit completion bash)"           # in ~/.bashrc
  source <(fewbit completion zsh)            # in ~/.zshrc, after compinit
  fewbit completion fish | source            # in ~/.config/fish/config.fish`;

/** Its program must have all commands defined: they are what is completed. */
export function defineCompletion(command: Command): void {
  command
    .description("print a script that makes a shell complete commands, flags and models")
    .addArgument(new Argument("<shell>", "of which shell").choices(Object.keys(scripts)))
    .addHelpText("after", examples)
    .action((shell: keyof typeof scripts, _, self: Command) => {
      if (self.parent !== null) process.stdout.write(scripts[shell](shapeOf(self.parent)));
    });
}
