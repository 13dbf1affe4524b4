package detecttest_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

func TestRunDamagesAndJoins(t *testing.T) {
	whole := detecttest.Run(t, nil, "founding-timewait/founding.pcap")
	f := detecttest.Only(t, whole, "tcp-timewait-reuse", finding.Likely)
	detecttest.Says(t, f, "10.0.0.254:80 ignored 3 connection requests")
	r := detecttest.Run(t, []detecttest.Mutation{detecttest.Without("10.0.0.254")}, "founding-timewait/founding.pcap")
	if n, was := r.Counts.Packets, whole.Counts.Packets; n >= was {
		t.Errorf("%d packets left of %d though one side was removed", n, was)
	}
	one := detecttest.Run(t, nil, "closed-port/inside.pcap")
	both := detecttest.Run(t, nil, "closed-port/inside.pcap", "closed-port/outside.pcap")
	if both.Counts.Packets <= one.Counts.Packets {
		t.Error("the second capture was not read")
	}
}
