// Package ruletraffic makes, from the text of a rule, traffic that must match it and a twin that differs in one option and
// must not. It reads the rule language by itself and knows nothing of the engine: what both agree on was understood twice.
// Suricata 8's documentation is the law here; where the engine differs, the engine is at fault until shown otherwise.
package ruletraffic
