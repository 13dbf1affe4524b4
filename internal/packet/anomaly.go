package packet

// Anomaly is something odd in one packet or stream, named as Suricata names its decoder and stream events.
type Anomaly uint16

// AnomalyMore stands for anomalies past the room in Packet.Anomalies.
const AnomalyMore Anomaly = 1
