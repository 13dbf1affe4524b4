package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

var ofLDAP = []string{"ldap"}

// ldapBuffers are the texts of an exchange. Of those of responses there is one for each response, or more.
var ldapBuffers = buffersOf(ofLDAP, named{"ldap.request.dn", toServer}, named{"ldap.request.attribute_type", toServer},
	named{"ldap.responses.dn", toClient}, named{"ldap.responses.message", toClient}, named{"ldap.responses.attribute_type", toClient})

// ldapKeywords compare the numbers of an exchange.
var ldapKeywords = []keyword{
	numberOf("ldap.request.operation", buffer{"ldap.request.operation", ofLDAP, toServer}, 8, ldapOperations),
	numberOf("ldap.responses.count", buffer{"ldap.responses.count", ofLDAP, toClient}, 32, nil),
	numbersOf("ldap.responses.operation", buffer{"ldap.responses.operation", ofLDAP, toClient}, 8, ldapOperations),
	numbersOf("ldap.responses.result_code", buffer{"ldap.responses.result_code", ofLDAP, toClient}, 32, ldapResults),
}

// ldapOperations are the operations by name (RFC 4511 4.2 and following).
var ldapOperations = numbered("bind_request bind_response unbind_request search_request search_result_entry search_result_done modify_request modify_response " +
	"add_request add_response del_request del_response mod_dn_request mod_dn_response compare_request compare_response abandon_request " +
	"19 search_result_reference 23 extended_request extended_response intermediate_response")

// ldapResults are the result codes by name.
var ldapResults = numbered("success operations_error protocol_error time_limit_exceeded size_limit_exceeded compare_false compare_true auth_method_not_supported " +
	"stronger_auth_required 10 referral admin_limit_exceeded unavailable_critical_extension confidentiality_required sasl_bind_in_progress 16 no_such_attribute " +
	"undefined_attribute_type inappropriate_matching constraint_violation attribute_or_value_exists invalid_attribute_syntax 32 no_such_object alias_problem " +
	"invalid_dns_syntax is_leaf alias_dereferencing_problem 48 inappropriate_authentication invalid_credentials insufficient_access_rights busy unavailable " +
	"unwilling_to_perform loop_detect 60 sort_control_missing offset_range_error 64 naming_violation object_class_violation not_allowed_on_non_leaf " +
	"not_allowed_on_rdn entry_already_exists object_class_mods_prohibited results_too_large affects_multiple_dsas 76 control_error 80 other server_down local_error " +
	"encoding_error decoding_error timeout auth_unknown filter_error user_canceled param_error no_memory connect_error not_supported control_not_found " +
	"no_results_returned more_results_to_return client_loop referral_limit_exceeded 100 invalid_response ambiguous_response 112 tls_not_supported " +
	"intermediate_response unknown_type 118 canceled no_such_operation too_late cannot_cancel assertion_failed authorization_denied 4096 e_sync_refresh_required " +
	"16654 no_operation")

// numbered gives each word its number, one more than the word before; a number in the text says where to go on.
func numbered(text string) map[string]uint64 {
	words, next := map[string]uint64{}, uint64(0)
	for f := range strings.FieldsSeq(text) {
		if n, err := strconv.ParseUint(f, 10, 32); err == nil {
			next = n
			continue
		}
		words[f] = next
		next++
	}
	return words
}

// numbersOf is a keyword that compares a list of numbers: comparison[,which[,from:to]]. The part holds each in four bytes.
// A place with absentNumber keeps the others where they are, and counts for nothing itself. Words name values.
func numbersOf(name string, b buffer, bits int, words map[string]uint64) keyword {
	return keyword{name, func(c *compiler, o *lang.Option) error {
		test, err := listTest(strings.ToLower(o.Value), o.Negated, bits, words)
		if err != nil {
			return err
		}
		return c.ask(b, false, test)
	}}
}

// absentNumber stands in a list for what has no such number.
const absentNumber = 0xffffffff

func listTest(text string, neg bool, bits int, words map[string]uint64) (func([]byte) bool, error) {
	f := strings.SplitN(text, ",", 3)
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	if rest, ok := strings.CutPrefix(f[0], "count"); ok && len(f) == 1 && !neg {
		r, err := parseRange(rest, 32)
		return func(b []byte) bool { return r.has(uint64(len(b) / 4)) }, err
	}
	if rest, ok := strings.CutPrefix(f[0], "!"); ok {
		if _, word := words[strings.TrimSpace(rest)]; word {
			f[0], neg = strings.TrimSpace(rest), !neg
		}
	}
	r, err := sizeRange{}, error(nil)
	if n, ok := words[f[0]]; ok {
		r.lo, r.hi = n, n
	} else if r, err = parseRange(f[0], bits); err != nil {
		return nil, err
	}
	from, to := 0, 0
	if len(f) == 3 {
		a, z, ok := strings.Cut(f[2], ":")
		var err2 error
		from, err = strconv.Atoi(a)
		to, err2 = strconv.Atoi(z)
		if err = errors.Join(err, err2); !ok || err != nil {
			return nil, fmt.Errorf("%q is no part of a list, such as 2:4", f[2])
		}
	}
	which := "any"
	if len(f) > 1 {
		which = f[1]
	}
	decide, err := whichOf(which)
	if err != nil {
		return nil, err
	}
	return func(b []byte) bool {
		n := len(b) / 4
		lo, hi := 0, n
		if len(f) == 3 {
			lo, hi = from, to
			if lo < 0 {
				lo += n
			}
			if hi < 0 {
				hi += n
			}
			if lo < 0 || hi > n || lo > hi {
				lo, hi = 0, 0
			}
		}
		b = b[4*lo : 4*hi]
		return decide(hi-lo, func(i int) (as, there bool) {
			v := value(b[4*i : 4*i+4])
			return r.has(v) != neg, v != absentNumber
		})
	}, nil
}

// whichOf reads which numbers of a list must be as asked. What it returns is given how many places there are, and for each
// whether its number is as asked and whether there is one.
func whichOf(text string) (func(n int, is func(int) (as, there bool)) bool, error) {
	type list = func(int) (as, there bool)
	count := func(n int, is list) (hits, all int) {
		for i := range n {
			if as, there := is(i); there {
				if all++; as {
					hits++
				}
			}
		}
		return hits, all
	}
	counted := func(ok func(hits, all int) bool) func(int, list) bool {
		return func(n int, is list) bool { return ok(count(n, is)) }
	}
	switch text {
	case "any":
		return counted(func(hits, _ int) bool { return hits > 0 }), nil
	case "or_absent":
		return counted(func(hits, all int) bool { return all == 0 || hits > 0 }), nil
	case "all", "all1":
		return counted(func(hits, all int) bool { return all > 0 && hits == all }), nil
	case "all_or_absent":
		return counted(func(hits, all int) bool { return hits == all }), nil
	}
	if rest, ok := strings.CutPrefix(text, "nb"); ok {
		r, err := parseRange(rest, 32)
		return counted(func(hits, _ int) bool { return r.has(uint64(hits)) }), err
	}
	rest, outside := strings.CutPrefix(text, "oob_or")
	at, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is none of any, all, all_or_absent, or_absent, nb with a comparison, oob_or with a place, a place", text)
	}
	return func(n int, is list) bool {
		i := int(at)
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return outside
		}
		as, there := is(i)
		return as && there
	}, nil
}
