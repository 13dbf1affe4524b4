// Package pcre matches the regular expressions of Suricata and Snort rules: PCRE's syntax and priorities, on bytes.
//
// A pattern becomes a tree, and the tree up to three things that are asked in this order:
//
//   - literals that every match contains, looked for with the processor's widest instructions;
//   - a byte automaton, run as a lazily built DFA of bounded memory, which says whether there is a match. Look-around,
//     back-references and possessive repeats are widened for it to something that matches at least as much, so that its
//     no is always right and its yes, for the regular patterns, as well;
//   - a backtracker with a limit of steps, which finds positions and captures and decides what is not regular. Where it
//     gives up on a regular pattern, a simulation of the automaton with positions takes its place.
//
// Each byte is one character; no pattern and no subject is taken for UTF-8.
package pcre
