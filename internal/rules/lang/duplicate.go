package lang

import "fmt"

// Unique leaves one rule for each gid and sid: that with the highest rev, of equal ones the first. The order of the rest
// stays. Each rule that was left out is a Problem that says which one stands.
func Unique(rules []*Rule) ([]*Rule, []Problem) {
	type id struct{ gid, sid uint32 }
	best := make(map[id]*Rule, len(rules))
	for _, r := range rules {
		k := id{r.GID, r.SID}
		if b := best[k]; b == nil || r.Rev > b.Rev {
			best[k] = r
		}
	}
	kept := make([]*Rule, 0, len(best))
	var problems []Problem
	for _, r := range rules {
		b := best[id{r.GID, r.SID}]
		if b == r {
			kept = append(kept, r)
			continue
		}
		why := "already taken by the rule"
		if b.Rev > r.Rev {
			why = fmt.Sprintf("replaced by rev %d of the rule", b.Rev)
		}
		problems = append(problems, Problem{Place: r.Place, SID: r.SID, Option: "sid",
			Reason: fmt.Sprintf("%d:%d is %s at %s", r.GID, r.SID, why, b.Place)})
	}
	return kept, problems
}
