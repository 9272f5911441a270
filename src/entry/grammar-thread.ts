/** The program of a thread that compiles grammars; `createNodeHost().compileGrammar` starts it. */
import { serveGrammars } from "../engine/serve-grammars.node.ts";

serveGrammars();
