package rules

import (
	"strings"
	"testing"

	"firestorm/internal/packet"
)

// numbers writes a list as its part holds it; below zero: there is none at that place.
func numbers(all ...int) string {
	var b strings.Builder
	for _, n := range all {
		v := uint32(n)
		b.Write([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	return b.String()
}

// TestLDAPKeywords: each keyword of LDAP and of PostgreSQL, as it matches and as it does not. What does not match would, if
// the keyword did nothing.
func TestLDAPKeywords(t *testing.T) {
	question := []string{"ldap.request.operation=\x03", "ldap.request.dn=dc=example,dc=com", "ldap.request.attribute_type=cn", "ldap.request.attribute_type=mail"}
	answer := []string{"ldap.responses.count=\x00\x00\x00\x03", "ldap.responses.dn=uid=a", "ldap.responses.message=", "ldap.responses.attribute_type=cn", "ldap.responses.attribute_type=mail",
		"ldap.responses.dn=", "ldap.responses.message=too many", "ldap.responses.operation=" + numbers(4, 4, 5), "ldap.responses.result_code=" + numbers(-1, -1, 4)}
	const one = "ldap.responses.operation:"
	for _, c := range []struct {
		d      packet.Dir
		parts  []string
		yes    []string
		no     []string
		refuse []string
	}{
		{packet.ToServer, question,
			[]string{"ldap.request.operation:3;", "ldap.request.operation:search_request;", "ldap.request.operation:>2;", "ldap.request.operation:!bind_request;", `ldap.request.dn; content:"dc=example"; startswith;`,
				`ldap.request.attribute_type; content:"mail"; bsize:4;`, `ldap.request.attribute_type; content:"cn"; ldap.request.attribute_type; content:"mail";`},
			[]string{"ldap.request.operation:0;", "ldap.request.operation:bind_request;", "ldap.request.operation:!3;", `ldap.request.dn; content:"cn"; startswith;`, `ldap.request.dn; content:"DC=EXAMPLE";`,
				`ldap.request.attribute_type; content:"uid";`, `ldap.request.attribute_type; content:"cn"; content:"mail";`},
			[]string{"ldap.request.operation:search;", "ldap.request.operation:300;"}},
		{packet.ToClient, answer,
			[]string{"ldap.responses.count:3;", "ldap.responses.count:>2;", one + "5;", one + "search_result_done;", one + "search_result_done,any;", one + "search_result_done,2;", one + "search_result_done,-1;", one + "search_result_entry,0;",
				one + "search_result_entry,all,0:2;", one + "search_result_entry,all,-3:-1;", one + "search_result_entry,nb 2;", one + "search_result_entry,nb>1;", one + "<6,all;", one + "!bind_response,all;", one + "1,oob_or 7;", one + "5,oob_or 2;",
				one + "count 3;", one + "9,all_or_absent,7:9;", one + "9,or_absent,3:3;", "ldap.responses.result_code:4;", "ldap.responses.result_code:size_limit_exceeded,all;", "ldap.responses.result_code:size_limit_exceeded,2;",
				"ldap.responses.result_code:>3,-1;", `ldap.responses.dn; content:"uid=a";`, `ldap.responses.message; content:"too many"; startswith; endswith;`, `ldap.responses.attribute_type; content:"mail"; startswith;`},
			[]string{"ldap.responses.count:2;", "ldap.responses.count:>3;", one + "1;", one + "search_result_done,0;", one + "search_result_done,3;", one + "search_result_done,-4;", one + "search_result_done,all;", one + "search_result_entry,-1;",
				one + "search_result_entry,nb 1;", one + "search_result_entry,all,1:3;", one + "search_result_entry,all,7:9;", one + "!search_result_entry,all;", one + "1,oob_or 2;", one + "count >3;", one + "9,all_or_absent;", one + "9,or_absent;",
				"ldap.responses.result_code:0;", "ldap.responses.result_code:success,all;", "ldap.responses.result_code:size_limit_exceeded,0;", "ldap.responses.result_code:!4;", "ldap.responses.result_code:4294967295,0;",
				`ldap.responses.dn; content:"uid=b";`, `ldap.responses.message; content:"too few";`, `ldap.responses.attribute_type; content:"ou";`},
			[]string{one + "nothing;", one + "5,some;", one + "5,any,1;", one + "5,any,a:b;", "ldap.responses.result_code:fine;", "ldap.responses.count:x;", one + "5,nb x;", `ldap.responses.dn; content:"x"; ldap.request.dn; content:"y";`}},
	} {
		for want, rules := range map[bool][]string{true: c.yes, false: c.no} {
			for _, rule := range rules {
				if got := matches(t, rule, "ldap", c.d, c.parts...); got != want {
					t.Errorf("%s: %v", rule, got)
				}
			}
		}
		for _, rule := range c.refuse {
			if set, bad := tryLoad(t, `alert ip any any -> any any (`+rule+` sid:1;)`); len(bad) != 1 || set.Len() != 0 {
				t.Errorf("%s is not refused", rule)
			}
		}
	}
	query := []string{"pgsql.query=SELECT 1"}
	if !matches(t, `pgsql.query; content:"select"; nocase; startswith;`, "pgsql", packet.ToServer, query...) || matches(t, `pgsql.query; content:"delete"; nocase;`, "pgsql", packet.ToServer, query...) {
		t.Error("pgsql.query")
	}
}
