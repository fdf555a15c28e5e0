//! Scenarios out of the configuration of other programs. The files here are ours, in the form that those programs read.

use scenarios::{Imported, OperatorKey, Program, Scenario, import};

fn ueransim(files: &[(&str, &str)]) -> Result<Imported, String> {
    let files: Vec<(String, String)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    import(Program::Ueransim, &files, 10)
}

fn packetrusher(text: &str) -> Result<Imported, String> {
    import(Program::PacketRusher, &[("config.yml".to_owned(), text.to_owned())], 10)
}

fn scenario(imported: &Imported) -> Scenario {
    let scenario =
        Scenario::from_yaml(&imported.yaml, "imported.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.warnings(), [""; 0], "{}", imported.yaml);
    scenario
}

fn has(lines: &[String], part: &str) {
    assert!(lines.iter().any(|line| line.contains(part)), "{part} is not in {lines:#?}");
}

#[test]
fn gnbs_and_ues_of_ueransim_become_cells_and_subscribers() {
    let second = GNB.replace("0x000000020", "0x000000030").replace("tac: 7", "tac: 8");
    let imported = ueransim(&[("gnb1.yaml", GNB), ("gnb2.yaml", &second), ("ue.yaml", UE)]).unwrap();
    let scenario = scenario(&imported);
    let cells = &scenario.cells;
    assert_eq!((cells.nodes, cells.first_node_id, cells.plmn().to_string()), (2, 2, "262/01".to_owned()));
    assert_eq!(cells.networks[0].tacs.len(), 2);
    let slices: Vec<String> = cells.slices.iter().map(ToString::to_string).collect();
    assert_eq!(slices, ["1-00000a", "2"]);
    let group = &scenario.subscribers[0];
    assert_eq!((group.first_imsi.to_string().as_str(), group.count), ("262010000000101", 10));
    assert!(matches!(group.operator, OperatorKey::Op(_)), "{:?}", group.operator);
    assert_eq!(
        (scenario.sessions[0].dnn.as_str(), scenario.sessions[0].slice.to_string()),
        ("ims", "1-00000a".to_owned())
    );
    assert_eq!(
        (scenario.nas.nr.ciphering.as_slice(), scenario.nas.nr.integrity.as_slice()),
        (&[2, 3, 0][..], &[2, 1][..])
    );
    assert_eq!(imported.target.as_deref(), Some("sctp://192.0.2.5:38412"));
    has(&imported.taken, "gnb1.yaml: nci is cells.first-node-id");
    has(&imported.taken, "ue.yaml: sessions[0].apn is sessions[].dnn");
    has(&imported.left, "gnb2.yaml: ngapIp: agents choose their address");
    has(&imported.left, "ue.yaml: gnbSearchList[0]: there is no radio link over IP");
    has(&imported.left, "ue.yaml: somethingNew: no field of a scenario says this");
}

#[test]
fn what_cannot_be_taken_says_where_and_why() {
    for (gnb, ue, part) in [
        (
            GNB,
            &*UE.replace("supi: 'imsi-262010000000101'", "supi: 'nai-x'"),
            "ue.yaml:1:7: supi: found \"nai-x\", expected an IMSI",
        ),
        (
            GNB,
            &UE.replace("key:", "kay:"),
            "ue.yaml: the field \"key\" is missing, of which subscribers[].k is made",
        ),
        (GNB, &UE.replace("'OP'", "'TOP'"), "opType: found \"TOP\", expected OP or OPC"),
        (&*GNB.replace("idLength: 32", "idLength: 40"), UE, "idLength: 22 to 32 bits are expected"),
        (&*GNB.replace("tac: 7", "tac: seven"), UE, "gnb.yaml:5:6: tac: this is not a number"),
        (GNB, "a: 1", "ue.yaml: neither of a gNB (with nci and tac) nor of a UE"),
        (GNB, "[", "ue.yaml:1:"),
        (GNB, &*UE.replace("imsi-2620", "imsi-9920"), "does not begin with its PLMN"),
    ] {
        let error = ueransim(&[("gnb.yaml", gnb), ("ue.yaml", ue)]).unwrap_err();
        assert!(error.contains(part), "{part}: {error}");
    }
    let alone = ueransim(&[("gnb.yaml", GNB)]).unwrap_err();
    assert!(alone.contains("no file of a UE is among them"), "{alone}");
    let far = GNB.replace("0x000000020", "0xFFFFFFFF0");
    let imported = ueransim(&[("gnb.yaml", &far), ("ue.yaml", UE)]).unwrap();
    has(&imported.left, "exceed 22 bits: cells.first-node-id is 1");
}

#[test]
fn gnbs_of_several_networks_become_networks_of_the_cells() {
    let abroad = GNB.replace("mcc: '262'", "mcc: '228'").replace("tac: 7", "tac: 9");
    let (abroad, third) =
        (abroad.replace("0x000000020", "0x000000030"), GNB.replace("0x000000020", "0x000000040"));
    let imported =
        ueransim(&[("a.yaml", GNB), ("b.yaml", &abroad), ("c.yaml", &third), ("ue.yaml", UE)]).unwrap();
    let scenario = scenario(&imported);
    let networks: Vec<_> = scenario
        .cells
        .networks
        .iter()
        .map(|network| (network.plmn.to_string(), network.nodes, network.tacs[0].to_string()))
        .collect();
    assert_eq!(
        networks,
        [("262/01".to_owned(), 2, "7".to_owned()), ("228/01".to_owned(), 1, "9".to_owned())]
    );
    assert_eq!((scenario.cells.nodes, scenario.cells.first_node_id), (3, 2));
    has(&imported.left, "c.yaml: nci: the gNBs of a network follow one another");
}

#[test]
fn the_file_of_packetrusher_becomes_a_scenario() {
    let imported = packetrusher(PACKETRUSHER).unwrap();
    let scenario = scenario(&imported);
    assert_eq!((scenario.cells.nodes, scenario.cells.first_node_id), (1, 16));
    assert_eq!(scenario.cells.networks[0].tacs[0].to_string(), "10");
    let group = &scenario.subscribers[0];
    assert_eq!(
        (group.first_imsi.to_string().as_str(), group.plmn.to_string().as_str()),
        ("999700000000120", "999/70")
    );
    assert_eq!(scenario.sessions[0].slice.to_string(), "1-000002");
    assert_eq!(scenario.nas.nr.integrity, [2]);
    assert_eq!(imported.target.as_deref(), Some("sctp://192.0.2.7:38412"));
    has(&imported.left, "ue.sqn: sequence numbers begin anew");
    has(&imported.left, "logs.level: --log says what is logged");
    has(&imported.taken, "ue.msin is subscribers[].imsi");
}

#[test]
fn lists_of_amfs_and_whole_imsis_of_other_versions_are_taken_too() {
    let text = PACKETRUSHER
        .replace("amfif: {ip: \"192.0.2.7\", port: 38412}", "amfif:\n  - {ip: \"2001:db8::7\", port: 38413}")
        .replace("msin: \"0000000120\"", "imsi: \"imsi-999700000000120\"");
    let imported = packetrusher(&text).unwrap();
    assert_eq!(imported.target.as_deref(), Some("sctp://[2001:db8::7]:38413"));
    assert_eq!(scenario(&imported).subscribers[0].first_imsi.to_string(), "999700000000120");
    let error = packetrusher("logs: {level: 4}").unwrap_err();
    assert!(error.contains("the section \"gnodeb\" is missing: this is no file of PacketRusher"), "{error}");
    let error = packetrusher(&PACKETRUSHER.replace("msin:", "main:")).unwrap_err();
    assert!(error.contains("the field \"ue.msin\" is missing"), "{error}");
}

const GNB: &str = "mcc: '262'\nmnc: '01'\nnci: '0x000000020'\nidLength: 32\ntac: 7\nlinkIp: 127.0.0.1\nngapIp: 127.0.0.1\n\
    gtpIp: 127.0.0.1\namfConfigs:\n  - {address: 192.0.2.5, port: 38412}\nslices:\n  - {sst: 1, sd: 0x0a}\n  - {sst: 2}\n";

const UE: &str = "supi: 'imsi-262010000000101'\nmcc: '262'\nmnc: '01'\nkey: '00112233445566778899AABBCCDDEEFF'\n\
    op: '0102030405060708090A0B0C0D0E0F10'\nopType: 'OP'\namf: '8000'\nsomethingNew: 3\ngnbSearchList: [127.0.0.1]\n\
    sessions:\n  - {type: 'IPv4v6', apn: 'ims', slice: {sst: 1, sd: 0x0a}}\nintegrity: {IA1: true, IA2: true, IA3: false}\n\
    ciphering: {EA1: false, EA2: true, EA3: true}\n";

const PACKETRUSHER: &str = r#"gnodeb:
  controlif: {ip: "192.0.2.20", port: 9487}
  dataif: {ip: "192.0.2.20", port: 2152}
  plmnlist: {mcc: "999", mnc: "70", tac: "00000a", gnbid: "000010"}
  slicesupportlist: {sst: "01", sd: "000002"}
ue:
  msin: "0000000120"
  key: "00112233445566778899AABBCCDDEEFF"
  opc: "0102030405060708090A0B0C0D0E0F10"
  amf: "8000"
  sqn: "00000000"
  dnn: "internet"
  hplmn: {mcc: "999", mnc: "70"}
  snssai: {sst: 1, sd: "000002"}
  integrity: {nia0: false, nia1: false, nia2: true, nia3: false}
  ciphering: {nea0: true, nea1: false, nea2: true, nea3: false}
amfif: {ip: "192.0.2.7", port: 38412}
logs: {level: 4}
"#;
