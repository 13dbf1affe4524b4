// Package update keeps a folder of rules up to date: it takes rule sets from local files, bundles and http(s), switches rules on
// and off as enable.conf, disable.conf, modify.conf and drop.conf of suricata-update say, tries the result, and swaps it in
// whole or not at all. It asks no clock: the time comes with Options.
package update
