package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Bits of rec.anom: the stream anomalies this package finds, under Suricata's names.
const (
	badSYNACKWrongAck = iota
	badSYNACKWrongDir
	badSYNACKResendAck
	badSYNACKResendSeq
	badSYNACKEst
	badSYNACKEstAck
	badSYNACKEstSeq
	badSYNACKEstServer
	badSYNResendSeq
	badSYNToClient
	badSYNEst
	badSYNEstSeq
	badSYNEstClient
	badSYNShutdown
	badHandshakeAck
	bad4WHSWrongSYN
	badEstWindow
	badEstOldPacket
	badEstAck
	badFINWindow
	badFINNoSession
	badFINSYN
	badRSTNoSession
	badRSTAck
	badRSTData
	badRSTInject
	badTimestamp
	badSpurious
	badOldAck
	badFlags
	badAfterFIN
	numBad
)

var streamCodes = [numBad]packet.Anomaly{
	badSYNACKWrongAck:  packet.Stream3WHSSynAckWithWrongAck,
	badSYNACKWrongDir:  packet.Stream3WHSSynAckInWrongDirection,
	badSYNACKResendAck: packet.Stream3WHSSynAckResendWithDifferentAck,
	badSYNACKResendSeq: packet.Stream3WHSSynAckResendWithDiffSeq,
	badSYNACKEst:       packet.StreamEstSynAckResend,
	badSYNACKEstAck:    packet.StreamEstSynAckResendWithDifferentAck,
	badSYNACKEstSeq:    packet.StreamEstSynAckResendWithDiffSeq,
	badSYNACKEstServer: packet.StreamEstSynAckToserver,
	badSYNResendSeq:    packet.Stream3WHSSynResendDiffSeqOnSynRecv,
	badSYNToClient:     packet.Stream3WHSSynToclientOnSynRecv,
	badSYNEst:          packet.StreamEstSynResend,
	badSYNEstSeq:       packet.StreamEstSynResendDiffSeq,
	badSYNEstClient:    packet.StreamEstSynToclient,
	badSYNShutdown:     packet.StreamShutdownSynResend,
	badHandshakeAck:    packet.Stream3WHSWrongSeqWrongAck,
	bad4WHSWrongSYN:    packet.Stream4WHSSynAckWithWrongSyn,
	badEstWindow:       packet.StreamEstPacketOutOfWindow,
	badEstOldPacket:    packet.StreamEstPktBeforeLastAck,
	badEstAck:          packet.StreamEstInvalidAck,
	badFINWindow:       packet.StreamFinOutOfWindow,
	badFINNoSession:    packet.StreamFinButNoSession,
	badFINSYN:          packet.StreamFinSyn,
	badRSTNoSession:    packet.StreamRstButNoSession,
	badRSTAck:          packet.StreamRstInvalidAck,
	badRSTData:         packet.StreamRstWithData,
	badRSTInject:       packet.StreamSuspectedRstInject,
	badTimestamp:       packet.StreamPktInvalidTimestamp,
	badSpurious:        packet.StreamPktSpuriousRetransmission,
	badOldAck:          packet.StreamPktInvalidAck,
	badFlags:           packet.StreamPktInvalidFlags,
	badAfterFIN:        packet.StreamDataAfterFin,
}

// anomaly reports a code once per flow and direction.
func (t *Table) anomaly(i uint32, r *rec, bad int, p *packet.Packet, d packet.Dir) {
	m := t.moreOf(r)
	if m == nil || m.anom[d]&(1<<bad) != 0 {
		return
	}
	m.anom[d] |= 1 << bad
	a := event.NewAnomaly(t.head(r, event.KindAnomaly, p.Ref(), p.Ordinal, p))
	a.Code, a.Dir = streamCodes[bad], d
	*t.out = append(*t.out, a)
}
