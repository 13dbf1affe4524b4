package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) readCommand() *cobra.Command {
	c, _ := a.readFlags()
	return c
}

// take adds what only the parsed command line knows: the arguments, and which flags were given.
func (r *rawRead) take(c *cobra.Command) {
	r.files = append(r.files, c.Flags().Args()...)
	r.formatGiven, r.checksumsGiven, r.memoryGiven = c.Flags().Changed("format"), c.Flags().Changed("checksums"), c.Flags().Changed("max-memory")
}

func (a *app) readFlags() (*cobra.Command, *rawRead) {
	r := &rawRead{}
	c := &cobra.Command{
		Use:   "read FILE...",
		Short: "analyse captures and say what is broken or attacking, and why",
		Long: `Analyse captures and say what is broken or attacking, and why.

Captures are pcap or pcapng, plain or packed with gzip or zstd; - is standard input.
Each file is taken for its own place of capture. Two files from both sides of a NAT
or firewall are matched packet by packet; files that see the same wire are joined
with --tap.

` + exitHelp(),
		Example: `  firestorm read problem.pcapng
  firestorm read inside.pcap outside.pcap
  tcpdump -i eth0 -w - | firestorm read -
  firestorm read problem.pcapng --json | jq .title`,
		GroupID: groupLook,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.take(cmd)
			o, err := r.check()
			if err != nil {
				return err
			}
			return a.runRead(cmd.Context(), o)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"pcap", "pcapng", "cap", "gz", "zst"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&r.files, "read", "r", nil, "capture to read, as with tcpdump; the same as the argument `FILE`")
	f.StringArrayVar(&r.taps, "tap", nil, "files `A+B` see one wire (a tap with a file for each direction, a rotated capture)")
	f.StringVarP(&r.filter, "filter", "f", "", "only packets that match `EXPR`, a capture filter in libpcap's language")
	f.StringVarP(&r.checksums, "checksums", "k", "auto", "`WHICH` checksums must be right: none, all, auto (auto understands offload)")
	f.StringSliceVar(&r.homeNet, "home-net", nil, "`NETS` that are inside, separated by commas (default: private and link-local addresses)")
	f.StringArrayVar(&r.rules, "rules", nil, "run the rules in `FILE|DIR`, in Suricata's language (may be given more than once)")
	f.StringVar(&r.settings, "suricata-settings", "", "take variables, protocols, streams and the wanted EVE records from `FILE`, a suricata.yaml or the same as JSON; see rules --help")
	f.BoolVar(&r.strict, "strict", false, "refuse the whole set, with exit status 2, when one rule is refused")
	f.StringVar(&r.since, "since", "", "leave out packets before `TIME`: RFC 3339, or +90s from the first packet")
	f.StringVar(&r.until, "until", "", "leave out packets at or after `TIME`: RFC 3339, or +90s from the first packet")
	f.StringVar(&r.formatIn, "format-in", "pcap", "the input is in `FORM`: pcap, or tshark-text (a pasted packet listing)")
	f.BoolVar(&r.follow, "follow", false, "go on reading a file that grows, or the files of a rotated capture (a folder, or 'cap-*.pcap' in quotes); findings are printed as they are decided, the whole report on Ctrl-C")

	f.StringVar(&r.format, "format", "text", "print the report in `FORM`: text, json, eve, html, md")
	f.BoolVar(&r.json, "json", false, "the same as --format json: one finding a line, then a summary")
	f.StringVar(&r.eve, "eve", "", "write EVE JSON to `FILE` (- is standard output)")
	f.StringSliceVar(&r.eveAlert, "eve-alert", nil, "EVE's alerts have `PARTS` too, separated by commas: "+strings.Join(alertWords(), ", "))
	f.IntVar(&r.eveVersion, "eve-version", eveVersion, "EVE's records look as those of Suricata `N`: 7 or 8")
	f.StringVarP(&r.write, "write", "w", "", "write the packets that prove the findings to `FILE`, as annotated pcapng")
	f.StringVar(&r.outdir, "outdir", "", "write every form of the report into `DIR`")
	f.StringVar(&r.filestore, "filestore", "", "keep the files that rules with filestore match in `DIR`, named by their SHA-256")
	f.BoolVar(&r.filestoreAll, "filestore-all", false, "keep all files that protocols carry, not only those that rules ask for")
	f.StringVar(&r.filestoreSize, "filestore-size", "16M", "keep no file bigger than `SIZE`")
	f.IntVar(&r.filestoreCount, "filestore-count", 10000, "keep at most `N` files")
	f.StringSliceVar(&r.fileHash, "file-hash", nil, "records of files have these checksums, `LIST` of md5, sha1, sha256")
	f.StringVar(&r.mutes, "mutes", "", "hide the findings that `FILE` names, a line each: CODE SOURCE DESTINATION UNTIL REASON (* and - for any); or that exceed a rate: rate CODE 10/hour burst 20 by_src (by_dst, by_both, by_code); they are still counted")
	f.StringArrayVar(&r.context, "context", nil, "`HOST=FILE`: FILE is a configuration of HOST (its address in the capture) that says what is encrypted on the wire: ipsec.conf, swanctl.conf, vsftpd.conf or exports")
	f.StringVar(&r.conntrack, "conntrack-log", "", "`FILE` is what conntrack -E -o timestamp,extended printed on the gateway meanwhile: when it forgot a connection is known, not guessed")
	f.StringVar(&r.minConf, "min-confidence", "", "show findings in full from `LEVEL`: cannot-tell, possible, likely, certain (default: likely, and possible ones in short)")
	f.StringVar(&r.failOn, "fail-on", "none", "exit 1 when a finding is at or above `LEVEL`: info, low, medium, high, critical")
	f.BoolVar(&r.utc, "utc", false, "times are UTC: in reports, and in --since and --until without a zone (the default)")
	f.BoolVar(&r.local, "local", false, "times are local instead; JSON and EVE always have UTC")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "say nothing when there is no finding")
	f.CountVarP(&r.verbose, "verbose", "v", "say more: every fact, counters of what was discarded")
	f.StringVar(&r.progress, "progress", "auto", "progress bar on standard error, `WHEN`: auto, always, never")

	f.StringVar(&r.state, "state", "", "remember in `DIR`, from run to run, who was seen on the wire; see firestorm neighbours")
	storeFlag(f, &r.store)
	f.StringVar(&r.memory, "max-memory", defaultMemory, "most memory to use, `SIZE`; past it old state is dropped, and said; where it is not given, what rules take comes on top")
	f.StringVar(&r.depth, "stream-depth", "0", "read so much of each direction of a TCP connection, `SIZE`; headers are followed all the same, 0: read all")
	f.IntVar(&r.workers, "workers", 0, "`N` parallel workers, 0 for one each processor; the result is the same for any number")
	f.Uint64Var(&r.seed, "seed", 0, "seed of the hash tables; the result is the same for any")
	_ = f.MarkHidden("seed")
	return c, r
}
