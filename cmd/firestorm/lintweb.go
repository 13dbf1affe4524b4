package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/lint/web"
)

func (a *app) lintWebCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "web ACCESS.LOG...",
		Short: "past days on which a maintenance page was sent with status 200",
		Long: `Look through a web server's logs for times in which one small page stood at many
addresses, with status 200: programs took it for the site. Logs may be in the combined or
common form, with the host in front, or JSON a line; packed with gzip; several files, in
any order; - is standard input.

A log does not hold the pages. "likely" means: addresses that had pages of their own at
other times all had answers of one length then. "possible": the log does not show their
own pages. Times with 503 are listed too, as what is right. Logs that record bytes with
headers, or compressed, serve as well, as long as they always do.

` + exitHelpOf("no time that told crawlers 200", "there are such times", exitMeanings[3].text),
		Example: `  firestorm lint web /var/log/nginx/access.log*
  zcat old/*.gz | firestorm lint web -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l := web.New()
			for _, name := range args {
				if err := a.readLog(l, name); err != nil {
					return err
				}
			}
			if l.Lines == 0 {
				return &failure{code: exitDamaged, what: "no requests in " + strings.Join(args, ", "), why: fmt.Sprintf("%d lines, none in the combined or common form or JSON with time, status and path", l.Skipped)}
			}
			return a.writeDays(l, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each time, then a summary, instead of text")
	return c
}

func (a *app) readLog(l *web.Log, name string) error {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return openFailure(name, err)
		}
		defer f.Close()
		in = f
	}
	if err := l.Read(in); err != nil {
		return openFailure(name, err)
	}
	return nil
}

func (a *app) writeDays(l *web.Log, asJSON bool) error {
	wrong := 0
	for _, d := range l.Days() {
		bad := d.Status == 200 || d.Long()
		if bad {
			wrong++
		}
		if asJSON {
			if err := a.writeJSON(&d); err != nil {
				return err
			}
			continue
		}
		level := "right"
		switch {
		case d.Long():
			level = "warning"
		case d.Status == 200:
			level = d.Sure
		}
		if _, err := fmt.Fprintf(a.stdout, "%-8s %s\n", level, printable(d.Text())); err != nil {
			return err
		}
		if d.Status == 200 {
			why := "the log does not show what these addresses had at other times"
			if d.Changed > 0 {
				side := "before or after"
				if d.Around {
					side = "before and after"
				}
				why = fmt.Sprintf("%d of them had pages of other lengths %s", d.Changed, side)
			}
			a.say("         why  %s\n", why)
			a.say("         such as  %s\n", printable(strings.Join(d.Paths, " ")))
		}
		if d.Long() {
			a.say("         why  search engines begin to forget a site that is gone for %s\n", d.To.Sub(d.From).Round(time.Hour))
		}
		if len(d.Crawlers) > 0 {
			var who []string
			for k, n := range d.Crawlers {
				who = append(who, fmt.Sprintf("%s %d", k, n))
			}
			slices.Sort(who)
			a.say("         crawlers, by their own word  %s\n", printable(strings.Join(who, ", ")))
		}
		if d.Status == 200 {
			a.say("         do   firestorm maintenance config --server lighttpd|nginx|haproxy|apache; let search engines fetch these addresses again\n")
		}
	}
	if asJSON {
		if err := a.writeJSON(struct {
			Type    string `json:"type"`
			Lines   uint64 `json:"requests"`
			Skipped uint64 `json:"lines_not_understood"`
			Dropped uint64 `json:"requests_without_room"`
			Wrong   int    `json:"wrong"`
		}{"summary", l.Lines, l.Skipped, l.Dropped, wrong}); err != nil {
			return err
		}
	} else {
		a.say("%d requests, %d lines not understood; %d times to look at\n", l.Lines, l.Skipped, wrong)
		if l.Dropped > 0 {
			a.say("for %d requests there was no room: read fewer days at a time\n", l.Dropped)
		}
	}
	if wrong > 0 {
		return status(exitFindings)
	}
	return nil
}
