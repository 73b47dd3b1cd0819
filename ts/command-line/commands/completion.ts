import { Argument, type Command } from 'commander'
import { print } from '../terminal.js'
import { valuesOf } from './shared.js'

/** The words that may follow a command: options, and the choices of options and arguments. */
const collectWords = ({ options, registeredArguments }: Command): string[] => [
  ...options.flatMap(({ long, short }) => [long, short].filter((flag) => typeof flag === 'string')),
  ...[...options, ...registeredArguments].flatMap(({ argChoices }) => argChoices ?? []),
]

/** Options of a command whose values the completion suggests. */
const optionsWithValues = ({ options }: Command) =>
  options.flatMap((option) => {
    const values = valuesOf(option)
    return option.long && values.length > 0 ? [{ flag: option.long, values }] : []
  })

const bashScript = (commands: readonly Command[]) => `_antigrad() {
  local words
  case "\${COMP_WORDS[1]}" in
${commands.map((command) => `    ${command.name()}) words='${[...new Set(collectWords(command))].join(' ')}' ;;`).join('\n')}
  esac
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${commands
  .flatMap((command) =>
    optionsWithValues(command).map(
      ({ flag, values }) => `    '${command.name()} ${flag}') words='${values.join(' ')}' ;;`,
    ),
  )
  .join('\n')}
  esac
  [ "$COMP_CWORD" = 1 ] && words='${commands.map((command) => command.name()).join(' ')} --help --version'
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _antigrad antigrad
`

const shells: Record<string, (commands: readonly Command[]) => string> = {
  bash: bashScript,
  zsh: (commands) => `autoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`,
  fish: (commands) =>
    commands
      .map((command) => {
        const [name, words] = [command.name(), [...new Set(collectWords(command))].join(' ')]
        return `complete -c antigrad -n __fish_use_subcommand -a ${name}
complete -c antigrad -n '__fish_seen_subcommand_from ${name}' -a '${words}'
${optionsWithValues(command)
  .map(
    ({ flag, values }) =>
      `complete -c antigrad -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)} -x -a '${values.join(' ')}'\n`,
  )
  .join('')}`
      })
      .join(''),
}

export function configureCompletion(command: Command): void {
  command
    .description('Prints a script that lets bash, zsh or fish complete commands, options and their values.')
    .addArgument(new Argument('<shell>').choices(Object.keys(shells)))
    .addHelpText(
      'after',
      `
  source <(antigrad completion bash) # in ~/.bashrc; for zsh: antigrad completion zsh, in ~/.zshrc
  antigrad completion fish > ~/.config/fish/completions/antigrad.fish`,
    )
    .action(async (shell: string) => {
      await print(shells[shell]((command.parent as Command).commands))
    })
}
