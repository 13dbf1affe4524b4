package ike

import "strconv"

// Notifications that detectors ask for (RFC 2408 3.14.1; RFC 7296 3.10.1).
const (
	UnsupportedCriticalPayload uint16 = 1
	InvalidMajorVersion        uint16 = 5 // version 2; version 1 has the same number
	InvalidSyntax              uint16 = 7
	NoProposalChosen           uint16 = 14 // in both
	PayloadMalformed           uint16 = 16 // version 1
	InvalidKEPayload           uint16 = 17 // version 2: its data is the wanted group
	InvalidIDInformation       uint16 = 18 // version 1
	InvalidHashInformation     uint16 = 23 // version 1
	AuthenticationFailed       uint16 = 24 // in both
	Cookie                     uint16 = 16390
	NATDetectionSource         uint16 = 16388
	NATDetectionDest           uint16 = 16389
	FragmentationSupported     uint16 = 16430

	firstStatus = 16384 // below: errors (RFC 7296 3.10.1)
)

var notifies1 = map[uint16]string{1: "INVALID_PAYLOAD_TYPE", 2: "DOI_NOT_SUPPORTED", 3: "SITUATION_NOT_SUPPORTED", 4: "INVALID_COOKIE",
	5: "INVALID_MAJOR_VERSION", 6: "INVALID_MINOR_VERSION", 7: "INVALID_EXCHANGE_TYPE", 8: "INVALID_FLAGS", 9: "INVALID_MESSAGE_ID",
	10: "INVALID_PROTOCOL_ID", 11: "INVALID_SPI", 12: "INVALID_TRANSFORM_ID", 13: "ATTRIBUTES_NOT_SUPPORTED", 14: "NO_PROPOSAL_CHOSEN",
	15: "BAD_PROPOSAL_SYNTAX", 16: "PAYLOAD_MALFORMED", 17: "INVALID_KEY_INFORMATION", 18: "INVALID_ID_INFORMATION",
	19: "INVALID_CERT_ENCODING", 20: "INVALID_CERTIFICATE", 21: "CERT_TYPE_UNSUPPORTED", 22: "INVALID_CERT_AUTHORITY",
	23: "INVALID_HASH_INFORMATION", 24: "AUTHENTICATION_FAILED", 25: "INVALID_SIGNATURE", 26: "ADDRESS_NOTIFICATION",
	27: "NOTIFY_SA_LIFETIME", 28: "CERTIFICATE_UNAVAILABLE", 29: "UNSUPPORTED_EXCHANGE_TYPE", 30: "UNEQUAL_PAYLOAD_LENGTHS",
	16384: "CONNECTED", 24576: "RESPONDER_LIFETIME", 24577: "REPLAY_STATUS", 24578: "INITIAL_CONTACT", 36136: "R_U_THERE", 36137: "R_U_THERE_ACK"}

var notifies2 = map[uint16]string{1: "UNSUPPORTED_CRITICAL_PAYLOAD", 4: "INVALID_IKE_SPI", 5: "INVALID_MAJOR_VERSION", 7: "INVALID_SYNTAX",
	9: "INVALID_MESSAGE_ID", 11: "INVALID_SPI", 14: "NO_PROPOSAL_CHOSEN", 17: "INVALID_KE_PAYLOAD", 24: "AUTHENTICATION_FAILED",
	34: "SINGLE_PAIR_REQUIRED", 35: "NO_ADDITIONAL_SAS", 36: "INTERNAL_ADDRESS_FAILURE", 37: "FAILED_CP_REQUIRED", 38: "TS_UNACCEPTABLE",
	39: "INVALID_SELECTORS", 40: "UNACCEPTABLE_ADDRESSES", 41: "UNEXPECTED_NAT_DETECTED", 43: "TEMPORARY_FAILURE", 44: "CHILD_SA_NOT_FOUND",
	16384: "INITIAL_CONTACT", 16385: "SET_WINDOW_SIZE", 16386: "ADDITIONAL_TS_POSSIBLE", 16387: "IPCOMP_SUPPORTED",
	16388: "NAT_DETECTION_SOURCE_IP", 16389: "NAT_DETECTION_DESTINATION_IP", 16390: "COOKIE", 16391: "USE_TRANSPORT_MODE",
	16392: "HTTP_CERT_LOOKUP_SUPPORTED", 16393: "REKEY_SA", 16394: "ESP_TFC_PADDING_NOT_SUPPORTED", 16395: "NON_FIRST_FRAGMENTS_ALSO",
	16396: "MOBIKE_SUPPORTED", 16404: "MULTIPLE_AUTH_SUPPORTED", 16406: "REDIRECT_SUPPORTED", 16407: "REDIRECT", 16408: "REDIRECTED_FROM",
	16417: "EAP_ONLY_AUTHENTICATION", 16418: "CHILDLESS_IKEV2_SUPPORTED", 16430: "FRAGMENTATION_SUPPORTED",
	16431: "SIGNATURE_HASH_ALGORITHMS", 16438: "INTERMEDIATE_EXCHANGE_SUPPORTED"}

// NotifyName returns the standard's name of a notification in a version of IKE, or its number.
func NotifyName(major uint8, n uint16) string {
	table := notifies2
	if major == 1 {
		table = notifies1
	}
	if s := table[n]; s != "" {
		return s
	}
	return strconv.Itoa(int(n))
}

func exchangeVerbose(x uint8) string {
	switch x {
	case 1:
		return "Base"
	case MainMode:
		return "Identity Protection"
	case 3:
		return "Authentication Only"
	case AggressiveMode:
		return "Aggressive"
	case Informational1:
		return "Informational"
	case Transaction:
		return "Transaction (Config Mode)"
	case QuickMode:
		return "Quick Mode"
	case NewGroupMode:
		return "New Group Mode"
	}
	return "Unknown Exchange Type"
}

// ExchangeName returns the name of an exchange that people use.
func ExchangeName(x uint8) string {
	switch x {
	case MainMode:
		return "main mode"
	case AggressiveMode:
		return "aggressive mode"
	case QuickMode:
		return "quick mode"
	case Informational1, Informational2:
		return "informational"
	case Transaction:
		return "config mode"
	case SAInit:
		return "IKE_SA_INIT"
	case Auth:
		return "IKE_AUTH"
	case CreateChildSA:
		return "CREATE_CHILD_SA"
	}
	return "exchange " + strconv.Itoa(int(x))
}

func payloads1(p uint8) string {
	names := [...]string{"None", "SecurityAssociation", "Proposal", "Transform", "KeyExchange", "Identification", "Certificate",
		"CertificateRequest", "Hash", "Signature", "Nonce", "Notification", "Delete", "VendorID", "Reserved", "SaKekPayload", "SaTekPayload",
		"KeyDownload", "SequenceNumber", "ProofOfPossession", "NatDiscovery", "NatOriginalAddress", "GroupAssociatedPolicy"}
	if int(p) < len(names) {
		return names[p]
	}
	return "Reserved"
}

func payloads2(p uint8) string {
	names := [...]string{"SecurityAssociation", "KeyExchange", "IDi", "IDr", "Certificate", "CertificateRequest", "Authentication", "Nonce",
		"Notify", "Delete", "VendorID", "TrafficSelectorInitiator", "TrafficSelectorResponder", "EncryptedAndAuthenticated", "Configuration",
		"ExtensibleAuthentication"}
	switch {
	case p == payloadNone:
		return "NoNextPayload"
	case p >= payloadSA2 && int(p-payloadSA2) < len(names):
		return names[p-payloadSA2]
	case p == payloadFragment:
		return "EncryptedAndAuthenticatedFragment"
	}
	return "IkePayloadType(" + strconv.Itoa(int(p)) + ")"
}

// Names of Suricata for the values of version 1 (RFC 2409 appendix A and its registry).
var (
	eveEncr1 = [...]string{1: "EncDesCbc", "EncIdeaCbc", "EncBlowfishCbc", "EncRc5R16B64Cbc", "EncTripleDesCbc", "EncCastCbc", "EncAesCbc", "EncCamelliaCbc"}
	eveHash1 = [...]string{1: "HashMd5", "HashSha", "HashTiger", "HashSha2_256", "HashSha2_384", "HashSha2_512"}
	eveAuth1 = [...]string{1: "AuthPreSharedKey", "AuthDssSignatures", "AuthRsaSignatures", "AuthEncryptionWithRsa",
		"AuthRevisedEncryptionWithRsa", "AuthReserved", "AuthReserved", "AuthReserved", "AuthEcdsaSha256", "AuthEcdsaSha384", "AuthEcdsaSha512"}
	eveGroup1 = [...]string{1: "GroupDefault768BitModp", "GroupAlternate1024BitModpGroup", "GroupEc2nOnGp2p155", "GroupEc2nOnGp2p185",
		"GroupModp1536Bit", "GroupEc2nOverGf2p163", "GroupEc2nOverGf2p163", "GroupEc2nOverGf2p283", "GroupEc2nOverGf2p283",
		"GroupEc2nOverGf2p409", "GroupEc2nOverGf2p409", "GroupEc2nOverGf2p571", "GroupEc2nOverGf2p571", "GroupModp2048Bit",
		"GroupModp3072Bit", "GroupModp4096Bit", "GroupModp6144Bit", "GroupModp8192Bit", "GroupRandomEcp256", "GroupRandomEcp384",
		"GroupRandomEcp521", "GroupModp1024With160BitPrime", "GroupModp2048With224BitPrime", "GroupModp2048With256BitPrime",
		"GroupRandomEcp192", "GroupRandomEcp224", "GroupBrainpoolEcp224", "GroupBrainpoolEcp256", "GroupBrainpoolEcp384", "GroupBrainpoolEcp512"}
	eveLife1 = [...]string{1: "LifeTypeSeconds", "LifeTypeKilobytes"}
	eveESN2  = [...]string{"NoESN", "ESN"}
)

func eveName(names []string, n uint32) string {
	if int(n) < len(names) && names[n] != "" {
		return names[n]
	}
	return "Unknown"
}

func eveEncr2(n uint32) string {
	names := [...]string{1: "ENCR_DES_IV64", "ENCR_DES", "ENCR_3DES", "ENCR_RC5", "ENCR_IDEA", "ENCR_CAST", "ENCR_BLOWFISH", "ENCR_3IDEA",
		"ENCR_DES_IV32", "Unknown", "ENCR_NULL", "ENCR_AES_CBC", "ENCR_AES_CTR", "ENCR_AES_CCM_8", "ENCR_AES_CCM_12", "ENCR_AES_CCM_16",
		"Unknown", "ENCR_AES_GCM_8", "ENCR_AES_GCM_12", "ENCR_AES_GCM_16", "ENCR_NULL_AUTH_AES_GMAC", "Unknown", "ENCR_CAMELLIA_CBC",
		"ENCR_CAMELLIA_CTR", "ENCR_CAMELLIA_CCM_8", "ENCR_CAMELLIA_CCM_12", "ENCR_CAMELLIA_CCM_16", "ENCR_CHACHA20_POLY1305"}
	return eveName(names[:], n)
}

func evePRF2(n uint32) string {
	names := [...]string{"PRF_NULL", "PRF_HMAC_MD5", "PRF_HMAC_SHA1", "PRF_HMAC_TIGER", "PRF_AES128_XCBC", "PRF_HMAC_SHA2_256",
		"PRF_HMAC_SHA2_384", "PRF_HMAC_SHA2_512", "PRF_AES128_CMAC"}
	return eveName(names[:], n)
}

func eveAuth2(n uint32) string {
	names := [...]string{"NONE", "AUTH_HMAC_MD5_96", "AUTH_HMAC_SHA1_96", "AUTH_DES_MAC", "AUTH_KPDK_MD5", "AUTH_AES_XCBC_96",
		"AUTH_HMAC_MD5_128", "AUTH_HMAC_SHA1_160", "AUTH_AES_CMAC_96", "AUTH_AES_128_GMAC", "AUTH_AES_192_GMAC", "AUTH_AES_256_GMAC",
		"AUTH_HMAC_SHA2_256_128", "AUTH_HMAC_SHA2_384_192", "AUTH_HMAC_SHA2_512_256"}
	return eveName(names[:], n)
}

func eveGroup2(n uint32) string {
	names := [...]string{0: "None", 1: "Modp768", 2: "Modp1024", 5: "Modp1536", 14: "Modp2048", 15: "Modp3072", 16: "Modp4096", 17: "Modp6144",
		18: "Modp8192", 19: "Ecp256", 20: "Ecp384", 21: "Ecp521", 22: "Modp1024s160", 23: "Modp2048s224", 24: "Modp2048s256", 25: "Ecp192",
		26: "Ecp224", 27: "BrainpoolP224r1", 28: "BrainpoolP256r1", 29: "BrainpoolP384r1", 30: "BrainpoolP512r1", 31: "Curve25519", 32: "Curve448"}
	return eveName(names[:], n)
}
