/**
 * What Jenkins' xunit plugin accepts as JUnit (its junit-10 schema), said in our own words: which elements may hold which, which
 * attributes each may have, and the form of a time.
 */
export const junitSchema = `<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:simpleType name="seconds">
    <xs:restriction base="xs:string"><xs:pattern value="[0-9]*(\\.[0-9]*)?"/></xs:restriction>
  </xs:simpleType>
  <xs:complexType name="outcome" mixed="true">
    <xs:attribute name="type"/><xs:attribute name="message"/>
  </xs:complexType>
  <xs:complexType name="rerun" mixed="true">
    <xs:sequence>
      <xs:element name="stackTrace" type="xs:string" minOccurs="0"/>
      <xs:element name="system-out" type="xs:string" minOccurs="0"/>
      <xs:element name="system-err" type="xs:string" minOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="message"/><xs:attribute name="type" use="required"/>
  </xs:complexType>
  <xs:element name="testsuites">
    <xs:complexType>
      <xs:sequence><xs:element ref="testsuite" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
      <xs:attribute name="name"/><xs:attribute name="time" type="seconds"/><xs:attribute name="tests"/>
      <xs:attribute name="failures"/><xs:attribute name="errors"/>
    </xs:complexType>
  </xs:element>
  <xs:element name="testsuite">
    <xs:complexType>
      <xs:choice minOccurs="0" maxOccurs="unbounded">
        <xs:element name="properties">
          <xs:complexType><xs:sequence><xs:element name="property" minOccurs="0" maxOccurs="unbounded">
            <xs:complexType><xs:attribute name="name" use="required"/><xs:attribute name="value" use="required"/></xs:complexType>
          </xs:element></xs:sequence></xs:complexType>
        </xs:element>
        <xs:element ref="testcase"/>
        <xs:element name="system-out" type="xs:string"/><xs:element name="system-err" type="xs:string"/>
      </xs:choice>
      <xs:attribute name="name" use="required"/><xs:attribute name="tests" use="required"/>
      <xs:attribute name="failures" use="required"/><xs:attribute name="errors" use="required"/>
      <xs:attribute name="skipped"/><xs:attribute name="time" type="seconds"/><xs:attribute name="timestamp"/>
      <xs:attribute name="hostname"/><xs:attribute name="id"/><xs:attribute name="package"/><xs:attribute name="file"/>
    </xs:complexType>
  </xs:element>
  <xs:element name="testcase">
    <xs:complexType>
      <xs:choice minOccurs="0" maxOccurs="unbounded">
        <xs:element name="skipped" type="outcome"/><xs:element name="error" type="outcome"/>
        <xs:element name="failure" type="outcome"/>
        <xs:element name="rerunFailure" type="rerun"/><xs:element name="rerunError" type="rerun"/>
        <xs:element name="flakyFailure" type="rerun"/><xs:element name="flakyError" type="rerun"/>
        <xs:element name="system-out" type="xs:string"/><xs:element name="system-err" type="xs:string"/>
      </xs:choice>
      <xs:attribute name="name" use="required"/><xs:attribute name="time" type="seconds"/>
      <xs:attribute name="classname"/><xs:attribute name="group"/>
    </xs:complexType>
  </xs:element>
</xs:schema>
`;
