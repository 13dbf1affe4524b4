package packet

// Codes of anomalies. Names of decoder headers are those of Suricata's decode events where it has one. The
// order is not part of any format: reports and snapshots carry the names.
const (
	noAnomaly       Anomaly = iota // the zero value stands for none
	anomalyMoreSlot                // AnomalyMore

	// Any header.
	BadTooManyLayers

	// IPv4.
	BadIPv4PktTooSmall
	BadIPv4HLenTooSmall
	BadIPv4IPLenSmallerThanHLen
	BadIPv4TruncPkt
	BadIPv4OptInvalid
	BadIPv4OptInvalidLen
	BadIPv4OptMalformed
	BadIPv4OptPadRequired
	BadIPv4OptEOLRequired
	BadIPv4OptDuplicate
	BadIPv4OptUnknown
	BadIPv4WrongIPVersion
	BadIPv4ICMPv6
	BadIPv4FragPktTooLarge
	BadIPv4FragOverlap
	BadIPv4FragIgnored
	BadIPv4UnknownProtocol

	// ICMPv4.
	BadICMPv4PktTooSmall
	BadICMPv4UnknownType
	BadICMPv4UnknownCode
	BadICMPv4IPv4TruncPkt
	BadICMPv4IPv4UnknownVer

	// ICMPv6.
	BadICMPv6UnknownType
	BadICMPv6UnknownCode
	BadICMPv6PktTooSmall
	BadICMPv6IPv6UnknownVersion
	BadICMPv6IPv6TruncPkt
	BadICMPv6MLDMessageWithInvalidHopLimit
	BadICMPv6UnassignedType
	BadICMPv6ExperimentationType

	// IGMP.
	BadIGMPPktTooSmall
	BadIGMPMalformed
	BadIGMPV3PktTooSmall

	// IPv6.
	BadIPv6PktTooSmall
	BadIPv6TruncPkt
	BadIPv6TruncExthdr
	BadIPv6ExthdrDuplFH
	BadIPv6ExthdrUselessFH
	BadIPv6ExthdrDuplRH
	BadIPv6ExthdrDuplHH
	BadIPv6ExthdrDuplDH
	BadIPv6ExthdrDuplAH
	BadIPv6ExthdrDuplEH
	BadIPv6ExthdrInvalidOptlen
	BadIPv6WrongIPVersion
	BadIPv6ExthdrAHResNotNull
	BadIPv6HopoptsUnknownOpt
	BadIPv6HopoptsOnlyPadding
	BadIPv6DstoptsUnknownOpt
	BadIPv6DstoptsOnlyPadding
	BadIPv6RHType0
	BadIPv6ZeroLenPadN
	BadIPv6FHNonZeroReservedField
	BadIPv6DataAfterNoneHeader
	BadIPv6UnknownNextHeader
	BadIPv6ICMPv4
	BadIPv6FragPktTooLarge
	BadIPv6FragOverlap
	BadIPv6FragInvalidLength
	BadIPv6FragIgnored
	BadIPv6IPv4InIPv6TooSmall
	BadIPv6IPv4InIPv6WrongVersion
	BadIPv6IPv6InIPv6TooSmall
	BadIPv6IPv6InIPv6WrongVersion

	// TCP.
	BadTCPPktTooSmall
	BadTCPHLenTooSmall
	BadTCPInvalidOptlen
	BadTCPOptInvalidLen
	BadTCPOptDuplicate

	// UDP.
	BadUDPPktTooSmall
	BadUDPHLenTooSmall
	BadUDPHLenInvalid
	BadUDPLenInvalid

	// SLL.
	BadSLLPktTooSmall

	// SLL2.
	BadSLL2PktTooSmall

	// Ethernet.
	BadEthernetPktTooSmall
	BadEthernetUnknownEthertype

	// PPP.
	BadPPPPktTooSmall
	BadPPPVJUPktTooSmall
	BadPPPIPv4PktTooSmall
	BadPPPIPv6PktTooSmall
	BadPPPWrongType
	BadPPPUnsupProto

	// PPPoE.
	BadPPPoEPktTooSmall
	BadPPPoEWrongCode
	BadPPPoEMalformedTags

	// GRE.
	BadGREPktTooSmall
	BadGREWrongVersion
	BadGREVersion0Recur
	BadGREVersion0Flags
	BadGREVersion0HdrTooBig
	BadGREVersion0MalformedSREHdr
	BadGREVersion1Chksum
	BadGREVersion1Route
	BadGREVersion1SSR
	BadGREVersion1Recur
	BadGREVersion1Flags
	BadGREVersion1NoKey
	BadGREVersion1WrongProtocol
	BadGREVersion1MalformedSREHdr
	BadGREVersion1HdrTooBig

	// VLAN.
	BadVLANHeaderTooSmall
	BadVLANUnknownType
	BadVLANTooManyLayers

	// VNTag.
	BadVNTagHeaderTooSmall
	BadVNTagUnknownType

	// ETag.
	BadETagHeaderTooSmall
	BadETagUnknownType

	// IEEE8021AH.
	BadIEEE8021AHHeaderTooSmall

	// IPRaw.
	BadIPRawInvalidIPVersion

	// LTNull.
	BadLTNullPktTooSmall
	BadLTNullUnsupportedType

	// SCTP.
	BadSCTPPktTooSmall
	BadSCTPTooManyChunks

	// ESP.
	BadESPPktTooSmall

	// AH.
	BadAHPktTooSmall

	// ARP.
	BadARPPktTooSmall
	BadARPUnsupportedHardware
	BadARPUnsupportedProtocol
	BadARPInvalidPkt
	BadARPInvalidHardwareSize
	BadARPInvalidProtocolSize
	BadARPUnsupportedOpcode

	// MPLS.
	BadMPLSHeaderTooSmall
	BadMPLSPktTooSmall
	BadMPLSBadLabelRouterAlert
	BadMPLSBadLabelImplicitNull
	BadMPLSBadLabelReserved
	BadMPLSUnknownPayloadType

	// VXLAN.
	BadVXLANUnknownPayloadType

	// Geneve.
	BadGeneveUnknownPayloadType

	// GTPU.
	BadGTPUMalformed

	// ERSPAN.
	BadERSPANHeaderTooSmall
	BadERSPANUnsupportedVersion
	BadERSPANTooManyVLANLayers

	// DCE.
	BadDCEPktTooSmall

	// CHDLC.
	BadCHDLCPktTooSmall

	// NSH.
	BadNSHHeaderTooSmall
	BadNSHUnsupportedVersion
	BadNSHBadHeaderLength
	BadNSHReservedType
	BadNSHUnsupportedType
	BadNSHUnknownPayload

	// IEEE80211.
	BadIEEE80211PktTooSmall
	BadIEEE80211Encrypted
	BadIEEE80211AMSDU

	// Radiotap.
	BadRadiotapHeaderTooSmall

	// PFLOG.
	BadPFLOGHeaderTooSmall

	// NFLOG.
	BadNFLOGMalformed

	// LLC.
	BadLLCPktTooSmall

	// Link.
	BadLinkUnsupportedType

	// TCP stream engine; set by flow and stream, never by Decode.
	Stream3WHSAckInWrongDir
	Stream3WHSAsyncWrongSeq
	Stream3WHSRightSeqWrongAckEvasion
	Stream3WHSSynAckInWrongDirection
	Stream3WHSSynAckResendWithDifferentAck
	Stream3WHSSynAckResendWithDiffSeq
	Stream3WHSSynAckToserverOnSynRecv
	Stream3WHSSynAckWithWrongAck
	Stream3WHSSynAckFlood
	Stream3WHSSynAckTFODataIgnored
	Stream3WHSSynResendDiffSeqOnSynRecv
	Stream3WHSSynToclientOnSynRecv
	Stream3WHSWrongSeqWrongAck
	Stream3WHSAckDataInject
	Stream4WHSSynAckWithWrongAck
	Stream4WHSSynAckWithWrongSyn
	Stream4WHSWrongSeq
	Stream4WHSInvalidAck
	StreamClosewaitAckOutOfWindow
	StreamClosewaitFinOutOfWindow
	StreamClosewaitPktBeforeLastAck
	StreamClosewaitInvalidAck
	StreamClosingAckWrongSeq
	StreamClosingInvalidAck
	StreamEstPacketOutOfWindow
	StreamEstPktBeforeLastAck
	StreamEstSynAckResend
	StreamEstSynAckResendWithDifferentAck
	StreamEstSynAckResendWithDiffSeq
	StreamEstSynAckToserver
	StreamEstSynResend
	StreamEstSynResendDiffSeq
	StreamEstSynToclient
	StreamEstInvalidAck
	StreamFinInvalidAck
	StreamFin1AckWrongSeq
	StreamFin1FinWrongSeq
	StreamFin1InvalidAck
	StreamFin2AckWrongSeq
	StreamFin2FinWrongSeq
	StreamFin2InvalidAck
	StreamFinButNoSession
	StreamFinOutOfWindow
	StreamFinSyn
	StreamLastackAckWrongSeq
	StreamLastackInvalidAck
	StreamRstButNoSession
	StreamRstInvalidAck
	StreamRstWithData
	StreamTimewaitAckWrongSeq
	StreamTimewaitInvalidAck
	StreamShutdownSynResend
	StreamPktInvalidTimestamp
	StreamPktInvalidAck
	StreamPktBrokenAck
	StreamPktRetransmission
	StreamPktSpuriousRetransmission
	StreamPktBadWindowUpdate
	StreamSuspectedRstInject
	StreamWrongThread
	StreamReassemblySegmentBeforeBaseSeq
	StreamReassemblyNoSegment
	StreamReassemblySeqGap
	StreamReassemblyOverlapDifferentData
	StreamReassemblyDepthReached
	StreamReassemblyUrgentOOBLimitReached
	StreamReassemblyInsertMemcap
	StreamReassemblyInsertLimit
	StreamReassemblyInsertInvalid
	StreamPktInvalidFlags // ours: no stack sends this set of TCP flags
	StreamDataAfterFin    // ours: data beyond the FIN of its own side

	// Detection of the application protocol; set by analyzers, never by Decode.
	AppMismatchProtocolBothDirections
	AppWrongDirectionFirstData
	AppDetectProtocolOnlyOneDirection
	AppProtoDetectionSkipped
	AppNoTlsAfterStarttls
	AppUnexpectedProtocol
	AppAnalyzerPanic // ours: an analyzer failed on this flow and was taken off it

	numAnomalies
)
