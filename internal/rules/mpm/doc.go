// Package mpm finds which of many byte patterns occur in a buffer, for rules of the Suricata sort: the fast patterns of a
// group of rules are one [Set], and a rule is looked at only where its pattern was found. [NameSet] does the same for rules
// that name a whole host or domain.
//
// A Set answers alike whichever [Engine] searches, never reads beyond the buffer, and does a bounded amount of work for
// each byte, whatever the traffic.
package mpm
