package ikefaults

import (
	"time"

	"firestorm/internal/finding"
)

// settle is how long a verdict waits for a better one: a gateway's whole series of repeats, and its next attempt.
const settle = 30 * time.Second

var codes = []*finding.Code{{
	ID:       NoAnswer,
	Title:    "a VPN gateway that does not answer the key exchange",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "loss", Name: "packet loss on the way"},
		{ID: "off", Name: "a gateway that is off, or another address"},
		{ID: "filter", Name: "a filter on the way that drops UDP 500"},
		{ID: "ignored", Name: "a gateway that ignores peers it does not know"},
	},
	Absorbs:    []string{"icmp-unreachable", "icmp-admin-prohibited", "tcp-syn-silent-drop"},
	References: []string{"RFC 7296 2.4 (silence and dead peers)", "RFC 2408 5.1", "RFC 3948 (UDP 4500)"},
	Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
	Settle:     settle,
	About: "The first message of a key exchange (responder SPI 0) was sent three times or more and nothing came back, or an ICMP error did. The error says who refuses: 3/3 means that no IKE " +
		"daemon listens, 3/9, 3/10 and 3/13 that a rule forbids it. Silence alone leaves open where it dies; other answers of the same gateway meanwhile narrow it. Not this: a capture of one " +
		"direction, in which the initiator goes on with answers that were not seen; an exchange that began before the capture; dead peer detection of a tunnel that was up.",
	Reproduce: "testbed: ike-silent, ike-port-closed, ike-prohibited",
}, {
	ID:       ProposalMismatch,
	Title:    "VPN gateways without a common algorithm for the key exchange",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "forged", Name: "an error that somebody forged"},
		{ID: "unknown-peer", Name: "a gateway that has no connection for this peer or this version of IKE, which says the same"},
	},
	References: []string{"RFC 2408 3.14.1 (NO-PROPOSAL-CHOSEN)", "RFC 7296 3.10.1 (NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD, INVALID_MAJOR_VERSION)", "RFC 7296 1.2"},
	Settle:     settle,
	About: "The first messages of a key exchange are in the clear. The responder refused all that was offered (notification 14), wanted a Diffie-Hellman group that the initiator did not then take " +
		"(17), or another version of IKE (5). What was offered, and what the same responder accepted before, stand side by side. Not this: INVALID_KE_PAYLOAD that the initiator answers with the " +
		"wanted group, which is how IKEv2 finds it; a gateway that tries one version or suite after the other and gets through.",
	Reproduce: "testbed: ike-proposal-v1, ike-proposal-v2, ike-invalid-ke-unmet, ike-version-mismatch",
}, {
	ID:       PSKMismatch,
	Title:    "VPN gateways that do not accept each other's proof of identity (pre-shared key)",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "loss", Name: "messages lost on the way"},
		{ID: "certificate", Name: "a certificate that is refused"},
		{ID: "identity", Name: "an identity (ID) that the other side does not expect"},
	},
	References: []string{"RFC 2409 5.4 (pre-shared keys)", "RFC 7296 2.15 and 2.21.2 (errors in IKE_AUTH)", "RFC 2408 3.14.1"},
	Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
	Settle:     settle,
	About: "The algorithms were agreed on and the keys exchanged; the first encrypted message, which proves the identity, was refused. In version 1 the responder answers it with an informational " +
		"message, repeats its own last message, or says nothing, since with another key it cannot read it. In version 2 its answer is so short that it holds an error and no identity. The words " +
		"themselves are encrypted, so the packets alone never make this certain: a wrong ID looks alike. Not this: the move to port 4500 that nobody answers, fragments that get lost, a tunnel whose own settings are refused.",
	Reproduce: "testbed: ike-psk-v1, ike-psk-v2, ike-psk-v1-aggressive, ike-id-v2",
}, {
	ID:       IDMismatch,
	Title:    "a VPN gateway that does not accept the other's name",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "forged", Name: "an error that somebody forged"},
		{ID: "mode", Name: "a gateway that does not allow aggressive mode"},
	},
	References: []string{"RFC 2407 4.6.2 (identification types)", "RFC 2409 5.4", "RFC 2408 3.14.1 (INVALID-ID-INFORMATION, AUTHENTICATION-FAILED)"},
	Settle:     settle,
	About: "In aggressive mode of version 1 the initiator's identity is readable, and the responder refused it in the clear before any key was used. Only such clear cases have this code; where the " +
		"identity is encrypted it is an alternative of ike-psk-mismatch. An address behind a NAT as identity is a common cause and is named where the NAT shows.",
	Reproduce: "testbed: ike-id-v1-aggressive",
}, {
	ID:       Phase2Refused,
	Title:    "VPN gateways that trust each other and refuse each other's tunnel",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "loss", Name: "messages lost on the way"},
		{ID: "transient", Name: "a refusal that passes (both sides rekey at once, or the peer is busy)"},
		{ID: "other", Name: "a reason beyond these settings (a limit of tunnels, a user without rights)"},
	},
	References: []string{"RFC 2409 5.5 (quick mode, PFS)", "RFC 7296 1.3, 2.9 and 2.25 (CREATE_CHILD_SA, selectors, collisions)"},
	Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
	Settle:     settle,
	About: "Phase 1 is done, identities are proven, and the request for the tunnel itself is refused: quick mode is answered by an informational message or silence; the answer to IKE_AUTH proves the " +
		"identity and is too short for a tunnel; CREATE_CHILD_SA gets a short answer. The reasons are PFS on one side only, no common ESP algorithm, or subnets that do not mirror each other; the " +
		"length of the request shows whether it carries a key exchange (PFS). In IKEv2 the first tunnel never uses one, so that a PFS mismatch shows at the first rekey: it works for an hour, then " +
		"stops. Not this: a refusal after which a later request is taken.",
	Reproduce: "testbed: ike-pfs-v1-initiator, ike-pfs-v1-responder, ike-pfs-v2-rekey, ike-esp-proposal-v1, ike-esp-proposal-v2, ike-subnets-v1, ike-subnets-v2",
}, {
	ID:       NATTBlocked,
	Title:    "a key exchange that dies when it moves to UDP port 4500",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "loss", Name: "packet loss on the way"},
		{ID: "key", Name: "a wrong pre-shared key, to which old responders say nothing"},
		{ID: "daemon", Name: "a responder that does not listen on port 4500"},
	},
	Absorbs:    []string{"icmp-unreachable", "icmp-admin-prohibited"},
	References: []string{"RFC 3947 (moving to 4500)", "RFC 3948 (UDP encapsulation)", "RFC 7296 2.23"},
	Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
	Settle:     settle,
	About: "On UDP 500 the two answered each other. They found a NAT (or pretend one, to have ESP in UDP) and the initiator moved to UDP 4500, as it must; from there nothing came back, three times " +
		"or more. Somebody lets 500 pass and not 4500. Not this: a responder that answers from port 500 to say that it cannot read the message.",
	Reproduce: "testbed: ike-natt-blocked",
}, {
	ID:       FragmentLost,
	Title:    "a key exchange whose large message does not get through in IP fragments",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "loss", Name: "packet loss on the way"},
		{ID: "port", Name: "a filter that drops the port and not the fragments"},
		{ID: "responder", Name: "a responder that got the message and says nothing"},
	},
	References: []string{"RFC 7383 (fragmentation by IKE)", "RFC 7296 2 (size of messages)", "RFC 4459"},
	Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock},
	Settle:     settle,
	About: "The small messages of IKE_SA_INIT were answered. The first large one, with certificates, went out in IP fragments, three times or more, and nothing came back: filters and NATs often drop " +
		"fragments but the first, which alone has ports. Not this: messages that IKE itself cuts into pieces (RFC 7383), which are no IP fragments.",
	Reproduce: "testbed: ike-fragment-lost",
}}
