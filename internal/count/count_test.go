package count

import (
	"fmt"
	"testing"
)

func TestNotUsed(t *testing.T) {
	var c Ingest
	c.Copies, c.BadSums = 3, 7
	c.NotUnderstood("EtherType 0x1234 is not decoded")
	items := c.NotUsed()
	if len(items) != 3 || items[0].N != 7 || items[1].N != 3 || items[2].What != "EtherType 0x1234 is not decoded" {
		t.Errorf("%v: largest first, zeros left out", items)
	}
	if c.Undecoded != 1 {
		t.Errorf("%d undecoded", c.Undecoded)
	}
}

// Reasons are bounded: a hostile capture must not grow the table, and no packet may go uncounted.
func TestReasonsAreBounded(t *testing.T) {
	var c Ingest
	for i := 0; i < 1000; i++ {
		c.NotUnderstood(fmt.Sprintf("reason %d", i))
	}
	if len(c.Unknown) > maxUnknown+1 {
		t.Errorf("%d reasons kept", len(c.Unknown))
	}
	var sum uint64
	for _, n := range c.Unknown {
		sum += n
	}
	if sum != 1000 || c.Undecoded != 1000 {
		t.Errorf("%d of 1000 counted", sum)
	}
}
